import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Labels } from '../../core/labels.ts'
import type { Matcher, SeriesReader, TimeRange } from './contract.ts'
import { SampleBuffer } from './sample-buffer.ts'

export interface ReadColumns {
  readonly labels: Labels
  readonly timesMs: Float64Array
  readonly values: Float64Array
}

/** Everything of every series that matches, decoded; all times by default. */
export async function readColumns(
  reader: SeriesReader,
  matchers: readonly Matcher[],
  range: TimeRange = { fromMs: Number.MIN_SAFE_INTEGER, toMs: Number.MAX_SAFE_INTEGER },
): Promise<ReadColumns[]> {
  const { series } = await reader.select(matchers, range)
  return series.map((one) => {
    const buffer = new SampleBuffer()
    one.read(buffer)
    return { labels: one.labels, timesMs: buffer.timesMs.slice(0, buffer.length), values: buffer.values.slice(0, buffer.length) }
  })
}

/** Where tests put folders that no power will be taken from: without a disk, waiting for it costs nothing. */
export const temporaryDir = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
