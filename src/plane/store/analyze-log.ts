import type { Labels } from '../../core/labels.ts'
import type { Damage, OpenSegment } from './analyze-parts.ts'
import type { RecordHandler } from './wal/record.ts'
import { RecordReader } from './wal/record-reader.ts'
import { readRecords } from './wal/replay.ts'
import { headFault, SEGMENT_HEAD_BYTES } from './wal/segment.ts'

/** What the log holds of one series. */
export interface LoggedSeries {
  readonly labels: Labels
  samples: number
  minMs: number
  maxMs: number
}

export interface LogContent {
  readonly series: readonly LoggedSeries[]
  readonly sizeBytes: number
  readonly damages: readonly Damage[]
  /** The last record is not whole: it is being written, or a crash cut it off, and then the next start repairs it. */
  readonly unfinished: Damage | undefined
}

/** Reads the segments of a log, and changes nothing. @throws MW_WAL_VERSION when a newer modelwatch wrote one. */
export async function readLog(segments: readonly OpenSegment[]): Promise<LogContent> {
  const content = new LogReader()
  const reader = new RecordReader(content)
  const damages: Damage[] = []
  let unfinished: Damage | undefined
  let sizeBytes = 0
  for (const segment of segments) {
    const { path, file, sizeBytes: size, number } = segment
    sizeBytes += size
    if (size === 0) continue // It was made and not yet written.
    const head = Buffer.alloc(Math.min(size, SEGMENT_HEAD_BYTES))
    await file.read(head, 0, head.length, 0)
    const fault = headFault(path, head, number)
    if (fault !== undefined) damages.push({ path, reason: fault })
    await readRecords(file, size, reader, ({ offset, bytes, reason }) => {
      const damage = { path, reason: `${reason}, at offset ${offset}, ${bytes} bytes` }
      if (segment === segments.at(-1) && offset + bytes === size) unfinished = damage
      else damages.push(damage)
    })
  }
  reader.flush()
  return { series: [...content.byRef.values()].filter(({ samples }) => samples > 0), sizeBytes, damages, unfinished }
}

class LogReader implements RecordHandler {
  readonly byRef = new Map<number, LoggedSeries>()

  series(ref: number, labels: Labels): void {
    if (!this.byRef.has(ref)) this.byRef.set(ref, { labels, samples: 0, minMs: Number.POSITIVE_INFINITY, maxMs: Number.NEGATIVE_INFINITY })
  }

  samples(refs: Uint32Array, timesMs: Float64Array, _values: Float64Array, length: number): void {
    let ref = -1
    let series: LoggedSeries | undefined
    for (let i = 0; i < length; i++) {
      if (refs[i] !== ref) {
        ref = refs[i]!
        series = this.byRef.get(ref)
      }
      if (series === undefined) continue // Its declaration is damaged, which is told.
      series.samples++
      const timeMs = timesMs[i]!
      if (timeMs < series.minMs) series.minMs = timeMs
      if (timeMs > series.maxMs) series.maxMs = timeMs
    }
  }

  /** What was deleted is in the log all the same. */
  tombstone(): void {}

  metadata(): void {}
}
