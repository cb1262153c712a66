import { storeErrors } from '../errors.ts'

/** Counts the work of one expression, and ends it when it becomes too much. */
export class Steps {
  readonly max: number
  #used = 0

  constructor(max: number) {
    this.max = max
  }

  get used(): number {
    return this.#used
  }

  /** @throws MW_STORE_SELECT_LIMIT */
  charge(steps: number): void {
    this.#used += steps
    if (this.#used > this.max) {
      throw storeErrors.MW_STORE_SELECT_LIMIT(`a regular expression took more than ${this.max} steps over all texts`, {
        hint: 'Write a shorter regular expression, above all one with smaller repetition counts, or select fewer series by other labels.',
      })
    }
  }
}
