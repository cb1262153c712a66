import { labelValue } from '../../core/labels.ts'
import { createPace, type Pace } from '../../core/turns.ts'
import { type Churn, type Ranked, SeriesCounts, type SeriesPart } from './analyze-counts.ts'
import { readLog } from './analyze-log.ts'
import { type Damage, openParts } from './analyze-parts.ts'
import { type Block, DATA_FILE, INDEX_FILE } from './block/block.ts'
import type { BlockSeries } from './block/block-series.ts'
import type { CompiledMatcher } from './matcher.ts'

export type { Churn, Ranked } from './analyze-counts.ts'
export type { Damage } from './analyze-parts.ts'

export interface AnalyzeOptions {
  /** Entries of each list at most. */
  readonly limit: number
  /** Only series that fulfil all of these are counted; sizes stay those of whole parts. */
  readonly matchers: readonly CompiledMatcher[]
  /** Reads all data and checks it against its checksums. */
  readonly verify: boolean
  /** Told now and then how far it is, a share in [0, 1]. */
  onProgress?(share: number): void
}

/** One piece of a store: a block, the newest checkpoint, or what the log holds beyond it. */
export interface PartReport {
  readonly kind: 'block' | 'checkpoint' | 'log'
  /** Name of its folder; '' for the log. */
  readonly id: string
  /** Milliseconds since 1970 of the first and the last sample counted; undefined when there is none. */
  readonly minMs: number | undefined
  readonly maxMs: number | undefined
  readonly series: number
  readonly samples: number
  readonly chunks: number
  readonly dataBytes: number
  readonly indexBytes: number
  /** Both, by the samples of the whole part, whatever the matchers; NaN without samples. */
  readonly bytesPerSample: number
  /** How often it was compacted, from 1 on; 0 where nothing is. */
  readonly level: number
  /** Series of which something was deleted, and still takes room. */
  readonly deletedSeries: number
  /** undefined for the log, which is too short to tell. */
  readonly churn: Churn | undefined
}

/** What a data folder holds. Lists have the largest first. */
export interface TsdbReport {
  readonly folder: string
  readonly parts: readonly PartReport[]
  /** Series, each once. */
  readonly series: number
  /** Samples; those in two parts at once, as while a store moves them, count twice. */
  readonly samples: number
  readonly labelPairs: number
  readonly sizeBytes: number
  /** Bytes a sample of blocks: data, and index; NaN without blocks. Of whole blocks, whatever the matchers. */
  readonly dataBytesPerSample: number
  readonly indexBytesPerSample: number
  readonly metricsBySeries: readonly Ranked[]
  readonly metricsBySamples: readonly Ranked[]
  readonly labelsByValues: readonly Ranked[]
  readonly labelsByBytes: readonly Ranked[]
  readonly pairsBySeries: readonly Ranked[]
  readonly pairsByChurn: readonly Ranked[]
  readonly damages: readonly Damage[]
  /** The end of the log, where it is not whole: a store is writing it, or the next start repairs it. */
  readonly unfinished: Damage | undefined
}

const all = { fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY }
/** Series whose data is read at once to be checked. */
const VERIFY_SERIES = 500

/**
 * Says what a data folder, or a snapshot of one, holds and where it comes from. It takes no lock and changes nothing, so a monitor may run there.
 * @throws MW_ANALYZE_NO_STORE when the folder is none; MW_STORE_BLOCK_VERSION and MW_WAL_VERSION when a newer modelwatch wrote it.
 */
export async function analyzeFolder(folder: string, options: AnalyzeOptions): Promise<TsdbReport> {
  const opened = await openParts(folder)
  const counts = new SeriesCounts()
  const pace = createPace()
  try {
    const blocks = [...opened.blocks, ...(opened.checkpoint === undefined ? [] : [opened.checkpoint])]
    const parts: PartReport[] = []
    const weight = blocks.reduce((sum, block) => sum + block.sizeBytes, 1)
    let done = 0
    for (const block of blocks) {
      parts.push(await analyzeBlock(block, counts, options, pace))
      if (options.verify) await verifyBlock(block, (share) => options.onProgress?.((done + share * block.sizeBytes) / weight))
      done += block.sizeBytes
      options.onProgress?.(done / weight)
    }
    const log = await readLog(opened.segments)
    if (opened.segments.length > 0) parts.push(reportLog(log, counts, options.matchers))
    return {
      folder,
      parts,
      series: counts.series,
      samples: counts.samples,
      labelPairs: counts.labelPairs,
      sizeBytes: blocks.reduce((sum, block) => sum + block.sizeBytes, log.sizeBytes),
      ...density(opened.blocks),
      ...listsOf(counts, options.limit),
      damages: [...opened.damages, ...log.damages],
      unfinished: log.unfinished,
    }
  } finally {
    await opened.close()
  }
}

async function analyzeBlock(block: Block, counts: SeriesCounts, { matchers }: AnalyzeOptions, pace: Pace): Promise<PartReport> {
  const { meta } = block
  const found: SeriesPart[] = []
  let [samples, chunks, deletedSeries] = [0, 0, 0]
  let [minMs, maxMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const series of block.match(matchers, all)) {
    const part = toPart(series)
    if (series.deleted.length > 0) deletedSeries++
    if (part !== undefined) {
      counts.add(part)
      found.push(part)
      samples += part.samples
      chunks += series.chunks.length
      minMs = Math.min(minMs, part.minMs)
      maxMs = Math.max(maxMs, part.maxMs)
    }
    if (pace.due(100)) await pace.breathe()
  }
  return {
    kind: meta.kind,
    id: meta.id,
    ...(found.length > 0 ? { minMs, maxMs } : { minMs: undefined, maxMs: undefined }),
    series: found.length,
    samples,
    chunks,
    dataBytes: meta.files[DATA_FILE]?.bytes ?? 0,
    indexBytes: meta.files[INDEX_FILE]?.bytes ?? 0,
    bytesPerSample: ((meta.files[DATA_FILE]?.bytes ?? 0) + (meta.files[INDEX_FILE]?.bytes ?? 0)) / meta.samples,
    level: meta.level,
    deletedSeries,
    churn: counts.addChurn(found, meta),
  }
}

function toPart({ labels, chunks }: BlockSeries): SeriesPart | undefined {
  const first = chunks[0]
  if (first === undefined) return undefined
  let samples = 0
  for (const chunk of chunks) samples += chunk.samples
  return { labels, samples, minMs: first.minMs, maxMs: chunks.at(-1)!.maxMs }
}

/** Reads every piece of a block once: reading checks it, and what is wrong is told to whom the block was opened with. */
async function verifyBlock(block: Block, onProgress: (share: number) => void): Promise<void> {
  const series = block.match([], all)
  for (let from = 0; from < series.length; from += VERIFY_SERIES) {
    await block.load(series.slice(from, from + VERIFY_SERIES), { charge() {} })
    onProgress(Math.min(1, (from + VERIFY_SERIES) / series.length))
  }
}

function reportLog(log: Awaited<ReturnType<typeof readLog>>, counts: SeriesCounts, matchers: readonly CompiledMatcher[]): PartReport {
  let [series, samples] = [0, 0]
  let [minMs, maxMs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const part of log.series) {
    if (!matchers.every((matcher) => matcher.matches(labelValue(part.labels, matcher.name)))) continue
    counts.add(part)
    series++
    samples += part.samples
    minMs = Math.min(minMs, part.minMs)
    maxMs = Math.max(maxMs, part.maxMs)
  }
  return {
    kind: 'log',
    id: '',
    ...(series > 0 ? { minMs, maxMs } : { minMs: undefined, maxMs: undefined }),
    series,
    samples,
    chunks: 0,
    dataBytes: log.sizeBytes,
    indexBytes: 0,
    bytesPerSample: log.sizeBytes / log.series.reduce((sum, part) => sum + part.samples, 0),
    level: 0,
    deletedSeries: 0,
    churn: undefined,
  }
}

function density(blocks: readonly Block[]): Pick<TsdbReport, 'dataBytesPerSample' | 'indexBytesPerSample'> {
  let [samples, data, index] = [0, 0, 0]
  for (const { meta } of blocks) {
    samples += meta.samples
    data += meta.files[DATA_FILE]?.bytes ?? 0
    index += meta.files[INDEX_FILE]?.bytes ?? 0
  }
  return { dataBytesPerSample: data / samples, indexBytesPerSample: index / samples }
}

function listsOf(counts: SeriesCounts, limit: number) {
  return {
    metricsBySeries: counts.metricsBySeries(limit),
    metricsBySamples: counts.metricsBySamples(limit),
    labelsByValues: counts.labelsByValues(limit),
    labelsByBytes: counts.labelsByBytes(limit),
    pairsBySeries: counts.pairsBySeries(limit),
    pairsByChurn: counts.pairsByChurn(limit),
  }
}
