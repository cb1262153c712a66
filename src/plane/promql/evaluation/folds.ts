import { assertNever } from '../../../core/errors.ts'
import { withRounding } from '../functions/kahan.ts'
import type { FoldOp } from '../language/ast.ts'
import { isFull, type StepSeries } from './frame.ts'

/** What an aggregation makes of one group's series, taken in one after another; a column at a time, so that no series has to be kept. */
export interface Fold {
  /** The result when all are in; 1 in `present` where any series had a value. */
  readonly values: Float64Array
  readonly present: Uint8Array
  add(series: StepSeries): void
  /** Brings `values` into their final form. */
  finish(): void
}

export function createFold(op: FoldOp, steps: number): Fold {
  switch (op) {
    case 'sum':
      return new SumFold(steps)
    case 'avg':
      return new MeanFold(steps)
    case 'min':
      return new ExtremeFold(steps, -1)
    case 'max':
      return new ExtremeFold(steps, 1)
    case 'count':
      return new CountFold(steps)
    case 'group':
      return new GroupFold(steps)
    case 'stdvar':
      return new VarianceFold(steps, false)
    case 'stddev':
      return new VarianceFold(steps, true)
    default:
      return assertNever(op)
  }
}

/** Kahan's summation in Neumaier's form, see `KahanSum`, over columns. */
class SumFold implements Fold {
  readonly values: Float64Array
  readonly present: Uint8Array
  readonly #lost: Float64Array
  /** Whether every step has been seen. */
  #complete = false

  constructor(steps: number) {
    this.values = new Float64Array(steps)
    this.present = new Uint8Array(steps)
    this.#lost = new Float64Array(steps)
  }

  add(series: StepSeries): void {
    if (!isFull(series)) this.#addSome(series)
    else if (this.#complete) this.#addAll(series)
    else {
      this.#addSome(series)
      this.#complete = true
    }
  }

  /** Most series have a value at every step. */
  #addAll({ values }: StepSeries): void {
    const sums = this.values
    const lost = this.#lost
    for (let i = 0; i < sums.length; i++) {
      const term = values[i]!
      const sum = sums[i]!
      const total = sum + term
      sums[i] = total
      lost[i] = withRounding(lost[i]!, sum, term, total)
    }
  }

  #addSome({ values, present }: StepSeries): void {
    const sums = this.values
    const lost = this.#lost
    const seen = this.present
    for (let i = 0; i < sums.length; i++) {
      if (present[i] === 0) continue
      const term = values[i]!
      if (seen[i] === 0) {
        seen[i] = 1
        sums[i] = term
        continue
      }
      const sum = sums[i]!
      const total = sum + term
      sums[i] = total
      lost[i] = withRounding(lost[i]!, sum, term, total)
    }
  }

  finish(): void {
    const { values } = this
    for (let i = 0; i < values.length; i++) if (Math.abs(values[i]!) !== Number.POSITIVE_INFINITY) values[i]! += this.#lost[i]!
  }
}

/** A mean that goes over to an incremental form where the sum would overflow, see `KahanMean`. */
class MeanFold implements Fold {
  readonly values: Float64Array
  readonly present: Uint8Array
  readonly #lost: Float64Array
  readonly #counts: Uint32Array
  readonly #incremental: Uint8Array

  constructor(steps: number) {
    this.values = new Float64Array(steps)
    this.present = new Uint8Array(steps)
    this.#lost = new Float64Array(steps)
    this.#counts = new Uint32Array(steps)
    this.#incremental = new Uint8Array(steps)
  }

  add({ values, present }: StepSeries): void {
    const sums = this.values
    const lost = this.#lost
    const counts = this.#counts
    for (let i = 0; i < sums.length; i++) {
      if (present[i] === 0) continue
      let term = values[i]!
      const count = ++counts[i]!
      if (count === 1) {
        this.present[i] = 1
        sums[i] = term
        continue
      }
      let sum = sums[i]!
      if (this.#incremental[i] === 0) {
        if (Math.abs(sum + term) === Number.POSITIVE_INFINITY) {
          this.#incremental[i] = 1
          sum /= count - 1
          lost[i]! /= count - 1
        }
      }
      if (this.#incremental[i] === 1) {
        const share = (count - 1) / count
        sum *= share
        lost[i]! *= share
        term /= count
      }
      const total = sum + term
      sums[i] = total
      lost[i] = withRounding(lost[i]!, sum, term, total)
    }
  }

  finish(): void {
    const { values } = this
    for (let i = 0; i < values.length; i++) {
      // One by one, as in `KahanMean`.
      const count = this.#incremental[i] === 0 ? this.#counts[i]! : 1
      if (count === 0) continue
      const mean = values[i]! / count
      values[i] = Math.abs(mean) === Number.POSITIVE_INFINITY ? mean : mean + this.#lost[i]! / count
    }
  }
}

class ExtremeFold implements Fold {
  readonly values: Float64Array
  readonly present: Uint8Array
  readonly #sign: 1 | -1

  constructor(steps: number, sign: 1 | -1) {
    this.values = new Float64Array(steps)
    this.present = new Uint8Array(steps)
    this.#sign = sign
  }

  add({ values, present }: StepSeries): void {
    const best = this.values
    const seen = this.present
    const sign = this.#sign
    for (let i = 0; i < best.length; i++) {
      if (present[i] === 0) continue
      const value = values[i]!
      if (seen[i] === 0 || best[i]! * sign < value * sign || Number.isNaN(best[i]!)) best[i] = value
      seen[i] = 1
    }
  }

  finish(): void {}
}

class CountFold implements Fold {
  readonly values: Float64Array
  readonly present: Uint8Array

  constructor(steps: number) {
    this.values = new Float64Array(steps)
    this.present = new Uint8Array(steps)
  }

  add({ present }: StepSeries): void {
    const { values } = this
    for (let i = 0; i < values.length; i++) values[i]! += present[i]!
  }

  finish(): void {
    for (let i = 0; i < this.values.length; i++) this.present[i] = this.values[i]! > 0 ? 1 : 0
  }
}

class GroupFold implements Fold {
  readonly values: Float64Array
  readonly present: Uint8Array

  constructor(steps: number) {
    this.values = new Float64Array(steps).fill(1)
    this.present = new Uint8Array(steps)
  }

  add({ present }: StepSeries): void {
    for (let i = 0; i < present.length; i++) this.present[i]! |= present[i]!
  }

  finish(): void {}
}

/** Welford's recurrence. @see Welford (1962), Technometrics 4:419 */
class VarianceFold implements Fold {
  readonly values: Float64Array
  readonly present: Uint8Array
  readonly #means: Float64Array
  readonly #counts: Uint32Array
  readonly #deviation: boolean

  constructor(steps: number, deviation: boolean) {
    this.values = new Float64Array(steps)
    this.present = new Uint8Array(steps)
    this.#means = new Float64Array(steps)
    this.#counts = new Uint32Array(steps)
    this.#deviation = deviation
  }

  add({ values, present }: StepSeries): void {
    const means = this.#means
    for (let i = 0; i < means.length; i++) {
      if (present[i] === 0) continue
      const value = values[i]!
      const count = ++this.#counts[i]!
      if (count === 1) {
        this.present[i] = 1
        means[i] = value
        // One infinite value has no spread that could be told, just as several have not.
        this.values[i] = Number.isFinite(value) ? 0 : Number.NaN
        continue
      }
      const delta = value - means[i]!
      means[i]! += delta / count
      this.values[i]! += delta * (value - means[i]!)
    }
  }

  finish(): void {
    for (let i = 0; i < this.values.length; i++) {
      const variance = this.values[i]! / this.#counts[i]!
      this.values[i] = this.#deviation ? Math.sqrt(variance) : variance
    }
  }
}
