import type { Pace } from '../../core/turns.ts'
import type { MetricMetadata } from './contract.ts'

/** Characters of one metric's texts at most. A help text is a sentence or two. */
const TEXT_CHARS_MAX = 65_536
/** What one line takes to write or read, in units of a pace. */
const LINE_WORK = 50

/** Type, help and unit of metrics, as they were told last. */
export class MetadataTable {
  readonly #byMetric = new Map<string, MetricMetadata>()
  readonly #max: number
  #refused = 0

  /** @param max - Metrics at most; further ones are left out, and counted, as are those with texts of more than 65,536 characters. */
  constructor(max: number) {
    this.#max = max
  }

  get refused(): number {
    return this.#refused
  }

  get size(): number {
    return this.#byMetric.size
  }

  /** @returns whether something changed. */
  set(metric: string, metadata: MetricMetadata): boolean {
    const { type, help, unit } = metadata
    const known = this.#byMetric.get(metric)
    const hasRoom = known !== undefined || this.#byMetric.size < this.#max
    if (!hasRoom || metric.length + help.length + unit.length > TEXT_CHARS_MAX) {
      this.#refused++
      return false
    }
    if (known !== undefined && known.type === type && known.help === help && known.unit === unit) return false
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

  /** As a file: a line of JSON for each metric. */
  async format(pace: Pace): Promise<Buffer> {
    const parts: Buffer[] = []
    let lines = ''
    for (const [metric, { type, help, unit }] of this.#byMetric) {
      lines += `${JSON.stringify([metric, type, help, unit])}\n`
      if (!pace.due(LINE_WORK)) continue
      parts.push(Buffer.from(lines))
      lines = ''
      await pace.breathe()
    }
    return Buffer.concat([...parts, Buffer.from(lines)])
  }

  /** Takes what `format` wrote. */
  async parse(bytes: Buffer, pace: Pace): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(10, at)
      const [metric, type, help, unit] = JSON.parse(bytes.toString('utf8', at, end)) as [string, MetricMetadata['type'], string, string]
      this.set(metric, { type, help, unit })
      at = end + 1
      if (pace.due(LINE_WORK)) await pace.breathe()
    }
  }
}
