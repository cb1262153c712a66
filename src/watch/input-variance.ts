import type { Columns } from './columns.ts'
import type { ModelSchema } from './schema.ts'

/** Served predictions looked back on. */
export const VARIANCE_WINDOW = 50

/** The variance of the numbers that a model was given lately. */
export interface InputVariance {
  /** Remembers the last rows of these. */
  add(columns: Columns): void
  /**
   * Population variance of all finite values of the last `VARIANCE_WINDOW` rows together.
   * NaN when there is none; Infinity where doubles cannot hold it.
   */
  read(): number
}

/**
 * Of each row only its count, mean and sum of squared deviations are kept, however many values it has, in a ring of fixed size; Chan's formula joins
 * them when somebody asks. Undefined for a model without a number or integer among its features.
 * @see Chan, Golub, LeVeque (1979), Updating formulae and a pairwise algorithm for computing sample variances, STAN-CS-79-773.
 */
export function createInputVariance(schema: ModelSchema): InputVariance | undefined {
  const numeric = schema.features.flatMap(({ type }, f) => (type === 'number' || type === 'integer' ? [f] : []))
  if (numeric.length === 0) return undefined
  const counts = new Float64Array(VARIANCE_WINDOW)
  const means = new Float64Array(VARIANCE_WINDOW)
  const squares = new Float64Array(VARIANCE_WINDOW)
  let next = 0

  return {
    add({ rows, values }) {
      for (let r = Math.max(0, rows - VARIANCE_WINDOW); r < rows; r++) {
        let count = 0
        let sum = 0
        for (let n = 0; n < numeric.length; n++) {
          const column = values[numeric[n]!] as Float64Array
          const width = column.length / rows
          for (let i = r * width; i < (r + 1) * width; i++) {
            const value = column[i]!
            if (value - value !== 0) continue // NaN or infinite.
            sum += value
            count++
          }
        }
        const mean = count === 0 ? 0 : sum / count
        let square = 0
        for (let n = 0; n < numeric.length; n++) {
          const column = values[numeric[n]!] as Float64Array
          const width = column.length / rows
          for (let i = r * width; i < (r + 1) * width; i++) {
            const value = column[i]!
            if (value - value === 0) square += (value - mean) * (value - mean)
          }
        }
        counts[next] = count
        means[next] = mean
        squares[next] = square
        next = next + 1 === VARIANCE_WINDOW ? 0 : next + 1
      }
    },
    read() {
      let [count, mean, square] = [0, 0, 0]
      for (let i = 0; i < VARIANCE_WINDOW; i++) {
        if (counts[i] === 0) continue
        const total = count + counts[i]!
        const apart = means[i]! - mean
        square += squares[i]! + apart * apart * ((count * counts[i]!) / total)
        mean += (apart * counts[i]!) / total
        count = total
      }
      const variance = square / count
      return count > 0 && Number.isNaN(variance) ? Number.POSITIVE_INFINITY : variance
    },
  }
}
