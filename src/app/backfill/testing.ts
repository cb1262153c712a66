import { Readable } from 'node:stream'
import { formatLabels, type Labels } from '../../core/labels.ts'
import type { BackfillSeries, SampleTarget } from './contract.ts'
import type { BackfillInput } from './input.ts'

/** A file that is no file: its text comes in the pieces given. */
export function inputOf(...pieces: string[]): BackfillInput {
  const bytes = pieces.map((piece) => Buffer.from(piece))
  return {
    name: 'in',
    sizeBytes: undefined,
    readBytes: () => 0,
    bytes: () => Readable.from(bytes),
    text: () => Readable.from(pieces),
  }
}

/** Remembers what a reader reads. */
export class Collector implements SampleTarget {
  /** Samples by series, in the order in which they came. */
  readonly samples = new Map<string, (readonly [timeMs: number, value: number])[]>()
  readonly told: string[] = []

  series(labels: Labels): BackfillSeries {
    return { labels, ref: 0 }
  }

  add({ labels }: BackfillSeries, timeMs: number, value: number): void {
    const key = formatLabels(labels)
    if (!this.samples.has(key)) this.samples.set(key, [])
    this.samples.get(key)!.push([timeMs, value])
  }

  metadata(metric: string, { type, help, unit }: { type: string; help: string; unit: string }): void {
    this.told.push(`${metric} ${type} ${help} ${unit}`.trim())
  }
}

/** Reads to the end. @returns rows left out. */
export async function drain(reader: AsyncIterable<{ readonly skippedRows: number }>): Promise<number> {
  let skipped = 0
  for await (const { skippedRows } of reader) skipped += skippedRows
  return skipped
}
