import type { MetricMetadata } from './contract.ts'

/** Type, help and unit of metrics, as they were told last. */
export class MetadataTable {
  readonly #byMetric = new Map<string, MetricMetadata>()
  readonly #max: number
  #refused = 0

  /** @param max - Metrics at most; further ones are left out, and counted. */
  constructor(max: number) {
    this.#max = max
  }

  get refused(): number {
    return this.#refused
  }

  /** @returns whether something changed. */
  set(metric: string, metadata: MetricMetadata): boolean {
    const known = this.#byMetric.get(metric)
    if (known === undefined && this.#byMetric.size >= this.#max) {
      this.#refused++
      return false
    }
    if (known !== undefined && known.type === metadata.type && known.help === metadata.help && known.unit === metadata.unit) return false
    this.#byMetric.set(metric, metadata)
    return true
  }

  get(metric?: string): ReadonlyMap<string, MetricMetadata> {
    if (metric === undefined) return new Map(this.#byMetric)
    const found = this.#byMetric.get(metric)
    return new Map(found === undefined ? [] : [[metric, found]])
  }

  clear(): void {
    this.#byMetric.clear()
  }
}
