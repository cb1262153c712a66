import { hashLabels } from '../../core/label-hash.ts'
import type { Labels } from '../../core/labels.ts'

/** Series that are told apart; of more, it is only known that there were more. */
const COUNTED_MAX = 1_000_000

/** Counts different series in a bounded memory. */
export class SeriesCount {
  readonly #hashes = new Set<number>()
  #isExact = true

  get count(): number {
    return this.#hashes.size
  }

  /** Whether `count` is all; else there were more. */
  get isExact(): boolean {
    return this.#isExact
  }

  add(labels: Labels): void {
    const hash = hashLabels(labels)
    if (this.#hashes.size < COUNTED_MAX) this.#hashes.add(hash)
    else if (!this.#hashes.has(hash)) this.#isExact = false
  }
}
