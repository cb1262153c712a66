import { type Labels, toLabels } from '../../core/labels.ts'
import type { LabelPair, SeriesEntry } from '../exposition/index.ts'
import type { SeriesRef } from '../store/contract.ts'

/** A series of one target, from the text it is exposed as to its handle in the store. */
export interface CachedSeries extends SeriesEntry {
  readonly labels: Labels
  ref: SeriesRef
  /** The scrape that saw it last. */
  scrape: number
  next: this | undefined
}

/** Entries no scrape saw for this long are forgotten. */
const idleScrapesMax = 3
/** Labels of one target that are shared between its series; further ones are kept series by series. */
const pairsMax = 5000

/**
 * Remembers the series of one target, so that a scrape parses only values, and tells which series have gone.
 * It holds what the last few scrapes exposed, so it is bounded by what a body may hold.
 */
export class SeriesCache {
  readonly #entries = new Map<string, CachedSeries>()
  readonly #pairs = new Map<string, LabelPair>()
  readonly #toSeriesLabels: (exposed: readonly LabelPair[]) => Labels
  #scrape = 0
  #first: CachedSeries | undefined
  #atFirst = true
  /** Series that ended up in the store with the scrape's own time: those that can go stale. */
  #live: CachedSeries[] = []
  #liveBefore: CachedSeries[] = []

  constructor(toSeriesLabels: (exposed: readonly LabelPair[]) => Labels) {
    this.#toSeriesLabels = toSeriesLabels
  }

  /** The entry of the first line of the last scrape. */
  get first(): CachedSeries | undefined {
    return this.#first
  }

  get size(): number {
    return this.#entries.size
  }

  begin(): void {
    this.#scrape++
    this.#atFirst = true
    this.#liveBefore = this.#live
    this.#live = []
  }

  find(raw: string): CachedSeries | undefined {
    return this.#entries.get(raw)
  }

  create(raw: string, exposed: readonly LabelPair[]): CachedSeries {
    const labels = this.#toSeriesLabels(exposed).map((pair) => this.#shared(pair))
    const entry: CachedSeries = { raw: detach(raw), labels, ref: 0, scrape: 0, next: undefined }
    this.#entries.set(entry.raw, entry)
    return entry
  }

  /** One copy of a label, however many series bear it: most labels of a target are the same few. */
  #shared(pair: LabelPair): LabelPair {
    const [name, value] = pair
    const key = `${name.length}:${name}${value}`
    const known = this.#pairs.get(key)
    if (known !== undefined) return known
    const own: LabelPair = [detach(name), detach(value)]
    if (this.#pairs.size < pairsMax) this.#pairs.set(detach(key), own)
    return own
  }

  /** @param tracked - Whether the sample bears the scrape's time, so that the end of the series can be told. */
  seen(entry: CachedSeries, tracked: boolean): void {
    if (entry.scrape === this.#scrape) return
    if (this.#atFirst) this.#first = entry
    this.#atFirst = false
    entry.scrape = this.#scrape
    if (tracked && entry.ref !== 0) this.#live.push(entry)
  }

  /** Ends a scrape that succeeded. @returns Handles of the series that were there last time and are not now. */
  end(): SeriesRef[] {
    const gone = this.#liveBefore.filter((entry) => entry.scrape !== this.#scrape).map((entry) => entry.ref)
    this.#liveBefore = []
    if (this.#entries.size > this.#live.length) this.#forgetIdle()
    if (gone.length === 0) return gone
    // The same series may be there still, written another way.
    const present = new Set(this.#live.map((entry) => entry.ref))
    return [...new Set(gone)].filter((ref) => !present.has(ref))
  }

  /** Ends a scrape that failed: all that was live is gone. */
  abandon(): SeriesRef[] {
    const gone = new Set(this.#liveBefore.map((entry) => entry.ref))
    this.#live = []
    this.#liveBefore = []
    return [...gone]
  }

  #forgetIdle(): void {
    for (const [raw, entry] of this.#entries) if (this.#scrape - entry.scrape >= idleScrapesMax) this.#entries.delete(raw)
  }
}

/** A copy of its own: part of a string keeps the whole alive, so without it the first body would never be freed. */
function detach(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}

/**
 * Puts a target's labels on the series it exposes. Where both have a label, the target's wins and the exposed one is kept as
 * `exported_…`; with `honorLabels` the exposed one wins, and an empty one removes the label.
 */
export function withTargetLabels(target: Readonly<Record<string, string>>, honorLabels: boolean) {
  return (exposed: readonly LabelPair[]): Labels => {
    if (honorLabels) return toLabels({ ...target, ...Object.fromEntries(exposed) })
    const labels: Record<string, string> = Object.fromEntries(exposed)
    const conflicts = Object.entries(labels).filter(([name, value]) => value !== '' && Object.hasOwn(target, name))
    Object.assign(labels, target)
    // Shorter names first, so that `exported_a` itself moves on when `a` takes its place.
    for (const [name, value] of conflicts.sort(([a], [b]) => a.length - b.length)) {
      let free = `exported_${name}`
      while ((labels[free] ?? '') !== '') free = `exported_${free}`
      labels[free] = value
    }
    return toLabels(labels)
  }
}
