import { createRandom, shuffled } from '../../core/random.ts'

/** Keeps the seeds of neighbouring passes far apart: 2³² over the golden ratio. */
const PASS_STEP = 0x9e3779b9

/**
 * The n-th row of an endless series of passes over the rows. Each pass has a seed of its own, so that rows which are left out need not be
 * counted through: any n costs the same, save the shuffling when it lies in another pass than the one before.
 *
 * @param order - `random` shuffles each pass anew; `file` keeps the order.
 * @returns of n ≥ 0.
 */
export function createRowOrder<T>(rows: readonly T[], order: 'random' | 'file', seed: number): (n: number) => T {
  if (order === 'file') return (n) => rows[n % rows.length]!
  let pass = -1
  let current: readonly T[] = []
  return (n) => {
    const wanted = Math.floor(n / rows.length)
    if (wanted !== pass) {
      pass = wanted
      current = shuffled(rows, createRandom(seed + Math.imul(pass, PASS_STEP)))
    }
    return current[n % rows.length]!
  }
}
