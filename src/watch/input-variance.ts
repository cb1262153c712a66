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
  /** Of the rows that are being added; sums become means. */
  const rowCounts = new Float64Array(VARIANCE_WINDOW)
  const rowSums = new Float64Array(VARIANCE_WINDOW)
  const rowSquares = new Float64Array(VARIANCE_WINDOW)

  return {
    add({ rows, values }) {
      const first = Math.max(0, rows - VARIANCE_WINDOW)
      const last = rows - first
      // Column by column, as the values lie; the sums of each row grow in the order of its values all the same.
      rowCounts.fill(0, 0, last)
      rowSums.fill(0, 0, last)
      rowSquares.fill(0, 0, last)
      for (let n = 0; n < numeric.length; n++) {
        const column = values[numeric[n]!] as Float64Array
        const width = column.length / rows
        for (let r = 0, i = first * width; r < last; r++) {
          for (const end = i + width; i < end; i++) {
            const value = column[i]!
            if (value - value !== 0) continue // NaN or infinite.
            rowSums[r]! += value
            rowCounts[r]! += 1
          }
        }
      }
      for (let r = 0; r < last; r++) rowSums[r] = rowCounts[r] === 0 ? 0 : rowSums[r]! / rowCounts[r]!
      for (let n = 0; n < numeric.length; n++) {
        const column = values[numeric[n]!] as Float64Array
        const width = column.length / rows
        for (let r = 0, i = first * width; r < last; r++) {
          const mean = rowSums[r]!
          for (const end = i + width; i < end; i++) {
            const value = column[i]!
            if (value - value === 0) rowSquares[r]! += (value - mean) * (value - mean)
          }
        }
      }
      for (let r = 0; r < last; r++) {
        counts[next] = rowCounts[r]!
        means[next] = rowSums[r]!
        squares[next] = rowSquares[r]!
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
