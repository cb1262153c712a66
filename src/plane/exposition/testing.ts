import { ExpositionParser, type ExpositionSink, type MetadataKind, type SeriesEntry } from './parser.ts'
import type { ExpositionFormat } from './series.ts'

interface Entry extends SeriesEntry {
  readonly labels: Readonly<Record<string, string>>
  next: this | undefined
}

export interface ExposedSample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  readonly timeMs: number | undefined
}

/** Keeps everything a body says, for tests to look at. Series are remembered from one `read` to the next. */
export function createExpositionReader(format: ExpositionFormat) {
  const known = new Map<string, Entry>()
  let first: Entry | undefined
  let created = 0
  return {
    read(body: string) {
      const samples: ExposedSample[] = []
      const metadata: { kind: MetadataKind; metric: string; text: string }[] = []
      created = 0
      const sink: ExpositionSink<Entry> = {
        find: (raw) => known.get(raw),
        create(raw, labels) {
          created++
          const entry: Entry = { raw, labels: Object.fromEntries(labels), next: undefined }
          known.set(raw, entry)
          return entry
        },
        sample(entry, value, timeMs) {
          if (samples.length === 0) first = entry
          samples.push({ labels: entry.labels, value, timeMs })
        },
        metadata: (kind, metric, text) => void metadata.push({ kind, metric, text }),
      }
      const parser = new ExpositionParser(body, format, sink, first)
      while (!parser.parse(7)); // A slice that ends anywhere must not matter.
      return { samples, metadata, created }
    },
  }
}
