import { promqlErrors } from './errors.ts'

/** What the queries under way take together. Each counts its own, and gives it back at its end. */
export class QueryMemory {
  readonly #bytesMax: number
  #bytes = 0

  /** @param bytesMax - For all queries together. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @param change - In bytes; negative gives back. @throws MW_PROMQL_LIMIT when more is asked for than is left. */
  change(change: number): void {
    this.#bytes += change
    if (change <= 0 || this.#bytes <= this.#bytesMax) return
    throw promqlErrors.MW_PROMQL_LIMIT(
      `the queries under way would take about ${this.#bytes} bytes of memory together; at most ${this.#bytesMax} are allowed`,
      {
        hint: 'Ask again when fewer queries run, or for less: fewer series, a shorter time range, a longer step (query.max-memory-total).',
      },
    )
  }
}
