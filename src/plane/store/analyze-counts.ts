import { hashLabels } from '../../core/label-hash.ts'
import { type Labels, labelValue, METRIC_NAME } from '../../core/labels.ts'

/** A name with a figure, one row of a list. */
export interface Ranked {
  readonly name: string
  readonly value: number
}

/** The first or last so much of a part's time: a series whose samples begin after the one, or end before the other, began or ended inside. */
const EDGE_RATIO = 0.05

/** What one part holds of one series. */
export interface SeriesPart {
  readonly labels: Labels
  readonly samples: number
  readonly minMs: number
  readonly maxMs: number
}

/** Series that came and went within one part. */
export interface Churn {
  readonly began: number
  readonly ended: number
  /** Share of the part's series that began or ended in it, in [0, 1]; NaN without series. */
  readonly ratio: number
}

interface Metric {
  series: number
  samples: number
}

interface Pair {
  series: number
  churned: number
}

/**
 * Counts series, each once however many parts have it, and what they are made of. Memory grows with the number of label pairs and, 16 bytes each,
 * of series.
 */
export class SeriesCounts {
  readonly #seen = new Set<number>()
  readonly #metrics = new Map<string, Metric>()
  readonly #labels = new Map<string, { bytes: number; readonly values: Map<string, Pair> }>()
  #samples = 0

  get series(): number {
    return this.#seen.size
  }

  get samples(): number {
    return this.#samples
  }

  get labelPairs(): number {
    let pairs = 0
    for (const { values } of this.#labels.values()) pairs += values.size
    return pairs
  }

  add({ labels, samples }: SeriesPart): void {
    const name = labelValue(labels, METRIC_NAME)
    const metric = getOrAdd(this.#metrics, name, () => ({ series: 0, samples: 0 }))
    metric.samples += samples
    this.#samples += samples
    const hash = hashLabels(labels)
    if (this.#seen.has(hash)) return
    this.#seen.add(hash)
    metric.series++
    for (const [label, value] of labels) {
      const pair = this.#pair(label, value)
      pair.series++
      this.#labels.get(label)!.bytes += Buffer.byteLength(value)
    }
  }

  /** Notes which series of a part began or ended inside it. Only where time was long enough to tell. */
  addChurn(series: Iterable<SeriesPart>, part: { readonly minMs: number; readonly maxMs: number }): Churn {
    const edgeMs = (part.maxMs - part.minMs) * EDGE_RATIO
    let [count, began, ended, churned] = [0, 0, 0, 0]
    for (const { labels, minMs, maxMs } of series) {
      count++
      const isBegun = minMs > part.minMs + edgeMs
      const isEnded = maxMs < part.maxMs - edgeMs
      if (isBegun) began++
      if (isEnded) ended++
      if (!isBegun && !isEnded) continue
      churned++
      for (const [label, value] of labels) this.#pair(label, value).churned++
    }
    return { began, ended, ratio: churned / count }
  }

  #pair(label: string, value: string): Pair {
    const { values } = getOrAdd(this.#labels, label, () => ({ bytes: 0, values: new Map<string, Pair>() }))
    return getOrAdd(values, value, () => ({ series: 0, churned: 0 }))
  }

  metricsBySeries(limit: number): Ranked[] {
    return largest(
      mapped(this.#metrics, ({ series }) => series),
      limit,
    )
  }

  metricsBySamples(limit: number): Ranked[] {
    return largest(
      mapped(this.#metrics, ({ samples }) => samples),
      limit,
    )
  }

  labelsByValues(limit: number): Ranked[] {
    return largest(
      mapped(this.#labels, ({ values }) => values.size),
      limit,
    )
  }

  /** Bytes of a label's values, each as often as there are series that have it. */
  labelsByBytes(limit: number): Ranked[] {
    return largest(
      mapped(this.#labels, ({ bytes }) => bytes),
      limit,
    )
  }

  pairsBySeries(limit: number): Ranked[] {
    return largest(
      this.#pairs(({ series }) => series),
      limit,
    )
  }

  /** How often a series with the pair began or ended inside a part. */
  pairsByChurn(limit: number): Ranked[] {
    return largest(
      this.#pairs(({ churned }) => churned),
      limit,
    )
  }

  *#pairs(figure: (pair: Pair) => number): Iterable<Ranked> {
    for (const [label, { values }] of this.#labels) {
      for (const [value, pair] of values) yield { name: `${label}=${value}`, value: figure(pair) }
    }
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

function* mapped<T>(all: ReadonlyMap<string, T>, figure: (one: T) => number): Iterable<Ranked> {
  for (const [name, one] of all) yield { name, value: figure(one) }
}

/** The largest, largest first, by name where they are equal; zeros are left out. Of millions only a few are held at a time. */
export function largest(all: Iterable<Ranked>, limit: number): Ranked[] {
  let kept: Ranked[] = []
  const cut = () => kept.sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1)).slice(0, limit)
  for (const one of all) {
    if (one.value === 0) continue
    kept.push(one)
    if (kept.length >= 2 * limit + 10_000) kept = cut()
  }
  return cut()
}
