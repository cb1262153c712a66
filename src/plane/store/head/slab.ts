/** Samples an open chunk holds; full, it is encoded. At 15 seconds apart, four of them are two hours. */
export const CHUNK_SAMPLES = 120
/** Doubles of one slot: a column of times, and behind it one of values. */
const SLOT = 2 * CHUNK_SAMPLES
const SLOTS_PER_PAGE = 128

/** Where a series writes its newest samples: time i at `page[at + i]`, value i at `page[at + CHUNK_SAMPLES + i]`. */
export interface Slot {
  readonly page: Float64Array
  readonly at: number
}

/** Room for open chunks, in pages that many series share: two typed arrays for each series would cost more than what they hold. */
export class Slab {
  readonly #free: Slot[] = []
  #pages = 0

  /** Bytes of all pages. */
  get sizeBytes(): number {
    return this.#pages * SLOTS_PER_PAGE * SLOT * 8
  }

  take(): Slot {
    if (this.#free.length === 0) {
      const page = new Float64Array(SLOTS_PER_PAGE * SLOT)
      this.#pages++
      for (let i = SLOTS_PER_PAGE - 1; i >= 0; i--) this.#free.push({ page, at: i * SLOT })
    }
    return this.#free.pop()!
  }

  give(slot: Slot): void {
    this.#free.push(slot)
  }
}
