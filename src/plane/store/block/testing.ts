import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { compareLabels, formatLabels, type Labels, toLabels } from '../../../core/labels.ts'
import { createRandom } from '../../../core/random.ts'
import { ByteSink } from '../chunk/byte-sink.ts'
import { decodeChunk, type EncodedChunk, encodeChunk } from '../chunk/chunk.ts'
import type { Matcher, TimeRange } from '../contract.ts'
import { compileMatcher } from '../matcher.ts'
import { removeTimes } from '../runs.ts'
import { SampleBuffer } from '../sample-buffer.ts'
import type { Block } from './block.ts'
import { type BlockLog, blockSetDefaults, openBlockSet } from './block-set.ts'
import type { BlockMeta } from './meta.ts'
import { type SeriesChunks, type WriteBlockOptions, writeBlock } from './write.ts'

export const everything: TimeRange = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }

/** A series as plain samples: what a test says, and what it gets. */
export interface PlainSeries {
  readonly labels: Labels
  readonly timesMs: readonly number[]
  readonly values: readonly number[]
}

export function plain(labels: Record<string, string>, timesMs: readonly number[], values: readonly number[]): PlainSeries {
  return { labels: toLabels(labels), timesMs, values }
}

/** Encodes samples [from, to) of a series as one chunk. */
export function encode({ timesMs, values }: PlainSeries, from: number, to: number): EncodedChunk {
  const sink = new ByteSink(64)
  const length = encodeChunk(Float64Array.from(timesMs), Float64Array.from(values), from, to, sink)
  return { minMs: timesMs[from]!, maxMs: timesMs[to - 1]!, samples: to - from, bytes: sink.bytes, offset: 0, length }
}

export function toChunks(series: PlainSeries, samplesPerChunk = 120): SeriesChunks {
  const chunks: EncodedChunk[] = []
  for (let from = 0; from < series.timesMs.length; from += samplesPerChunk) {
    chunks.push(encode(series, from, Math.min(from + samplesPerChunk, series.timesMs.length)))
  }
  return { labels: series.labels, chunks }
}

export function sortSeries<T extends { readonly labels: Labels }>(series: readonly T[]): T[] {
  return [...series].sort((a, b) => compareLabels(a.labels, b.labels))
}

/** Writes series, in any order, as a block. */
export async function writeSeries(
  dir: string,
  series: readonly PlainSeries[],
  options: WriteBlockOptions & { samplesPerChunk?: number } = {},
): Promise<BlockMeta> {
  const { samplesPerChunk, ...rest } = options
  return (await writeBlock(
    dir,
    sortSeries(series).map((one) => toChunks(one, samplesPerChunk)),
    rest,
  ))!
}

export interface ReadResult {
  /** By the labels as text; within the range, without what is deleted. Series without samples are left out. */
  readonly series: Record<string, readonly (readonly [timeMs: number, value: number])[]>
  readonly warnings: readonly string[]
}

/** Reads what matches, sample by sample. */
export async function readBlock(block: Block, range = everything, matchers: readonly Matcher[] = []): Promise<ReadResult> {
  const found = block.match(matchers.map(compileMatcher), range)
  const warnings = await block.load(found, { charge: () => undefined })
  const series: Record<string, (readonly [number, number])[]> = {}
  for (const one of found) {
    const buffer = new SampleBuffer()
    for (const chunk of one.chunks) {
      if (chunk.bytes !== undefined) decodeChunk(chunk.bytes, chunk.offset, chunk.length, buffer)
    }
    buffer.cut(range.fromMs, range.toMs)
    for (const deleted of one.deleted) removeTimes(buffer, deleted)
    if (buffer.length > 0) series[formatLabels(one.labels)] = samplesOf(buffer)
  }
  return { series, warnings }
}

function samplesOf({ timesMs, values, length }: SampleBuffer): (readonly [number, number])[] {
  return Array.from({ length }, (_, i) => [timesMs[i]!, values[i]!] as const)
}

/** What `readBlock` should give for series. */
export function expected(series: readonly PlainSeries[], { fromMs, toMs } = everything): ReadResult['series'] {
  const result: Record<string, (readonly [number, number])[]> = {}
  for (const { labels, timesMs, values } of sortSeries(series)) {
    const samples = timesMs.map((timeMs, i) => [timeMs, values[i]!] as const).filter(([timeMs]) => timeMs >= fromMs && timeMs <= toMs)
    if (samples.length > 0) result[formatLabels(labels)] = samples
  }
  return result
}

export interface LoggedLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly fields: Record<string, unknown>
  readonly message: string
}

export function createTestLog(): BlockLog & { lines: LoggedLine[] } {
  const lines: LoggedLine[] = []
  const add = (level: LoggedLine['level']) => (fields: object, message: string) => {
    lines.push({ level, fields: fields as Record<string, unknown>, message })
  }
  return { lines, info: add('info'), warn: add('warn'), error: add('error') }
}

const HOUR_MS = 3_600_000
export const CRASH_SERIES = 20
export const CRASH_SAMPLES = 60
const CRASH_RANGE_MS = 2 * HOUR_MS

/** What block `number` of the crash loop holds: a block range of samples of each series. */
export function crashSeries(number: number): PlainSeries[] {
  const random = createRandom(number + 1)
  const startMs = number * CRASH_RANGE_MS
  return Array.from({ length: CRASH_SERIES }, (_, i) => {
    const timesMs = Array.from({ length: CRASH_SAMPLES }, (_, at) => startMs + at * 120_000)
    return plain(
      { __name__: 'crash_total', instance: `i${i}` },
      timesMs,
      timesMs.map(() => Math.floor(random() * 1000)),
    )
  })
}

export const crashConfig = (dir: string) => ({
  ...blockSetDefaults,
  retentionMs: Number.POSITIVE_INFINITY,
  retentionBytes: undefined,
  quarantineDir: `${dir}-quarantine`,
})

/** Writes blocks and compacts them until somebody kills the process; says `+N` when block N is safe, `c` after each compaction. */
export async function crashLoop(dir: string, firstNumber: number): Promise<void> {
  const set = await openBlockSet(dir, crashConfig(dir), { log: createTestLog(), clock: { now: () => Date.now() } })
  for (let number = firstNumber; ; number++) {
    await set.add(await writeSeries(dir, crashSeries(number)))
    process.stdout.write(`+${number}\n`)
    while (await set.compactOnce()) process.stdout.write('c\n')
  }
}

/** Opens the set and compacts once, but dies just before its step number `step` in the file system. Says `done` when there were fewer steps. */
export async function crashAtStep(dir: string, step: number): Promise<void> {
  const steps: Record<string, (...args: unknown[]) => unknown> = fs.promises as never
  let left = step
  for (const name of ['mkdir', 'open', 'readFile', 'readdir', 'rename', 'rm']) {
    const original = steps[name]!
    steps[name] = (...args) => {
      if (left-- === 0) process.kill(process.pid, 'SIGKILL')
      return original(...args)
    }
  }
  syncBuiltinESMExports()
  const set = await openBlockSet(dir, crashConfig(dir), { log: createTestLog(), clock: { now: () => Date.now() } })
  await set.compactOnce()
  await set.close()
  process.stdout.write('done\n')
}
