import { compareLabels } from '../../../core/labels.ts'
import { sortInTurns } from '../../../core/sort-in-turns.ts'
import { createPace, type Pace } from '../../../core/turns.ts'
import type { Block } from '../block/block.ts'
import { isLoaded } from '../block/block-index.ts'
import type { MetricMetadata } from '../contract.ts'
import type { RecordHandler } from '../wal/record.ts'
import type { Head } from './head.ts'
import type { HeadSeries } from './series.ts'

/** Puts what the log holds back into the head. What the head has already, from a checkpoint made while the log went on, stays as it is. */
export function replayInto(
  head: Head,
  setMetadata: (metric: string, metadata: MetricMetadata) => void,
): RecordHandler & { readonly unknown: () => number } {
  const byRef = new Map<number, HeadSeries>()
  let unknown = 0
  return {
    unknown: () => unknown,
    series(ref, labels) {
      // Later samples under this ref, if their own declaration is damaged, must not be taken for those of a series of this process.
      head.reserveRefs(ref)
      byRef.set(ref, head.restore(labels))
    },
    samples(refs, timesMs, values, length) {
      let ref = -1
      let series: HeadSeries | undefined
      for (let i = 0; i < length; i++) {
        if (refs[i] !== ref) {
          ref = refs[i]!
          series = byRef.get(ref)
        }
        if (series === undefined) {
          unknown++
          continue
        }
        const timeMs = timesMs[i]!
        const result = series.append(timeMs, values, i, head.memory)
        if (result === 'appended') {
          head.noteTime(timeMs)
          head.counts.samples++
        } else if (result === 'older' && !series.hasSampleAt(timeMs) && head.takeLate(series, timeMs, values, i)) head.counts.samples++
      }
    },
    tombstone(ref, fromMs, toMs) {
      const series = byRef.get(ref)
      if (series !== undefined) head.delete(series, { fromMs, toMs })
    },
    metadata: setMetadata,
  }
}

/** Puts what a checkpoint holds back into the head. @returns what could not be read, as sentences. */
export async function restoreInto(head: Head, checkpoint: Block): Promise<string[]> {
  const all = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }
  const matches = checkpoint.match([], all)
  const pace = createPace()
  const warnings: string[] = []
  const batch = 500
  for (let i = 0; i < matches.length; i += batch) {
    const some = matches.slice(i, i + batch)
    warnings.push(...(await checkpoint.load(some, { charge() {} })))
    for (const { labels, chunks } of some) {
      const series = head.restore(labels)
      for (const chunk of chunks) {
        if (!isLoaded(chunk)) continue
        series.restoreChunk(chunk, head.memory)
        head.counts.samples += chunk.samples
        head.noteTime(chunk.minMs)
        head.noteTime(chunk.maxMs)
      }
      if (pace.due(chunks.length * 20 + 50)) await pace.breathe()
    }
  }
  return warnings
}

/** The series of the head as of now, sorted by labels. */
export async function sortedSeries(head: Head, pace: Pace): Promise<HeadSeries[]> {
  const series: HeadSeries[] = []
  for (const one of head.index.all()) {
    series.push(one)
    if (pace.due(1)) await pace.breathe()
  }
  await sortInTurns(series, (a, b) => compareLabels(a.labels, b.labels), pace)
  return series
}
