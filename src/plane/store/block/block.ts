import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Labels } from '../../../core/labels.ts'
import { createPace, type Pace } from '../../../core/turns.ts'
import type { TimeRange } from '../contract.ts'
import type { CompiledMatcher } from '../matcher.ts'
import type { BlockIndex, ChunkPlace } from './block-index.ts'
import { BlockSeries } from './block-series.ts'
import { damaged } from './bytes.ts'
import { blockErrors } from './errors.ts'
import { codeOf, passingReadError, writeError } from './files.ts'
import { type BytesBudget, type DamagedPieces, loadPieces } from './load.ts'
import { matchInSteps, matchSeries } from './match.ts'
import { type BlockMeta, META_FILE, parseMeta } from './meta.ts'
import { parseIndex } from './parse-index.ts'
import { PieceCache } from './piece-cache.ts'
import { CHECKSUM_BYTES } from './piece-writer.ts'
import { joinRanges, readTombstones, TOMBSTONES_FILE, type Tombstones, writeTombstones } from './tombstones.ts'

export const INDEX_FILE = 'index'
export const DATA_FILE = 'data'

/** What blocks of one set share. */
export interface BlockDeps {
  readonly cache: PieceCache
  /** Told once for each piece that is found damaged, as a sentence. */
  readonly onDamagedPiece?: (sentence: string) => void
  readonly onLoad?: () => void
}

/** Series to delete samples of, by their number in the block. */
export interface TombstoneEntry {
  readonly series: number
  readonly range: TimeRange
}

/**
 * Opens a block: reads and checks its `meta.json`, index and tombstones; its data is read when it is asked for, and checked then.
 * @throws MW_STORE_BLOCK_DAMAGED naming file and offset, MW_STORE_BLOCK_VERSION
 */
export async function openBlock(dir: string, deps: BlockDeps = { cache: new PieceCache(0) }): Promise<Block> {
  const meta = parseMeta(await readWhole(dir, META_FILE, (bytes) => bytes.toString()), join(dir, META_FILE))
  for (const [name, expected] of Object.entries(meta.files)) {
    if (name === INDEX_FILE || name === DATA_FILE) continue
    await readExtra(dir, name, expected)
  }
  const indexPath = join(dir, INDEX_FILE)
  const bytes = await readWhole(dir, INDEX_FILE, (whole) => whole)
  if (bytes.length !== meta.files[INDEX_FILE]!.bytes) {
    throw damaged(indexPath, `it has ${bytes.length} bytes; ${meta.files[INDEX_FILE]!.bytes} were written`)
  }
  const index = await parseIndex(bytes, indexPath)
  for (const [key, found] of Object.entries({
    samples: index.columns.samples,
    series: index.columns.seriesCount,
    chunks: index.columns.chunks,
  })) {
    if (found !== meta[key as 'samples']) throw damaged(indexPath, `it counts ${found} ${key}, ${META_FILE} ${meta[key as 'samples']}`)
  }
  const { pieceStored } = index.columns
  const dataBytes = pieceStored.reduce((sum, bytes) => sum + bytes + CHECKSUM_BYTES, 0)
  if (dataBytes !== meta.files[DATA_FILE]!.bytes) {
    throw damaged(indexPath, `its pieces have ${dataBytes} bytes; ${META_FILE} says ${meta.files[DATA_FILE]!.bytes}`)
  }
  const tombstones = await readTombstones(join(dir, TOMBSTONES_FILE), meta.series)
  const data = await openData(dir, index)
  return new Block({ dir, meta, index, tombstones, data, deps })
}

async function readWhole<T>(dir: string, name: string, use: (bytes: Buffer) => T): Promise<T> {
  try {
    return use(await readFile(join(dir, name)))
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw passingReadError(error, join(dir, name)) ?? damaged(join(dir, name), `it cannot be read (${codeOf(error)})`, error)
  }
}

async function readExtra(dir: string, name: string, expected: BlockMeta['files'][string]): Promise<Buffer> {
  const bytes = await readWhole(dir, name, (whole) => whole)
  if (bytes.length !== expected.bytes) throw damaged(join(dir, name), `it has ${bytes.length} bytes; ${expected.bytes} were written`)
  if (expected.crc32 !== undefined && crc32(bytes) !== expected.crc32) throw damaged(join(dir, name), 'its checksum is wrong')
  return bytes
}

async function openData(dir: string, { columns }: BlockIndex): Promise<FileHandle> {
  const path = join(dir, DATA_FILE)
  try {
    return await open(path, 'r')
  } catch (error) {
    throw (
      passingReadError(error, path) ??
      damaged(path, `it cannot be opened (${codeOf(error)}), and ${columns.samples} samples are in it`, error)
    )
  }
}

interface BlockParts {
  readonly dir: string
  readonly meta: BlockMeta
  readonly index: BlockIndex
  readonly tombstones: Tombstones
  readonly data: FileHandle
  readonly deps: BlockDeps
}

/** An immutable time range of many series on disk. What is deleted of it stands beside it, until a compaction leaves it out. */
export class Block {
  readonly dir: string
  readonly meta: BlockMeta
  readonly index: BlockIndex
  readonly #deps: BlockDeps
  readonly #data: FileHandle
  readonly #damaged: DamagedPieces = new Map()
  #tombstones: Tombstones
  #tombstoneVersion = 0
  #writing: Promise<void> = Promise.resolve()
  #pins = 1
  #isClosed = false
  #onClosed: (() => void)[] = []

  constructor({ dir, meta, index, tombstones, data, deps }: BlockParts) {
    this.dir = dir
    this.meta = meta
    this.index = index
    this.#tombstones = tombstones
    this.#data = data
    this.#deps = deps
  }

  get seriesCount(): number {
    return this.meta.series
  }

  /** Bytes of its files, but for the deletions, which are few. */
  get sizeBytes(): number {
    let sum = 1024 // meta.json, about
    for (const { bytes } of Object.values(this.meta.files)) sum += bytes
    return sum
  }

  /** Deleted ranges by series. */
  get tombstones(): Tombstones {
    return this.#tombstones
  }

  /** Changes with every deletion. */
  get tombstoneVersion(): number {
    return this.#tombstoneVersion
  }

  /** Pieces that turned out to be damaged so far, with the reason. */
  get damagedPieces(): ReadonlyMap<number, string> {
    return this.#damaged
  }

  /** Whether somebody holds the files open beside the block itself. */
  get isHeld(): boolean {
    return this.#pins > (this.#isClosed ? 0 : 1)
  }

  /**
   * Series that match all matchers and have a chunk that touches the range, of which not all is deleted; in the order of their labels.
   * Nothing is read from disk. Takes some 50 ns for each series in question.
   * @throws MW_STORE_SELECT_LIMIT when a regular expression takes too many steps.
   */
  match(matchers: readonly CompiledMatcher[], range: TimeRange): BlockSeries[] {
    return this.#seriesOf(matchSeries(this.index, matchers, range), range)
  }

  /** As `match`, giving way to the event loop: for blocks of very many series. */
  async matchInTurns(matchers: readonly CompiledMatcher[], range: TimeRange, pace: Pace): Promise<BlockSeries[]> {
    const steps = matchInSteps(this.index, matchers, range)
    for (;;) {
      const { done, value } = steps.next()
      if (done === true) return this.#seriesInTurns(value, range, pace)
      // Some hundred values may have been asked of a regular expression.
      if (pace.due(20_000)) await pace.breathe()
    }
  }

  #seriesOf(numbers: Uint32Array, range: TimeRange): BlockSeries[] {
    const found: BlockSeries[] = []
    for (const series of numbers) this.#addSeries(series, range, this.#tombstones, found)
    return found
  }

  async #seriesInTurns(numbers: Uint32Array, range: TimeRange, pace: Pace): Promise<BlockSeries[]> {
    const found: BlockSeries[] = []
    // What is deleted meanwhile is deleted of all of them or of none.
    const tombstones = this.#tombstones
    for (const series of numbers) {
      this.#addSeries(series, range, tombstones, found)
      if (pace.due(5)) await pace.breathe()
    }
    return found
  }

  #addSeries(series: number, range: TimeRange, tombstones: Tombstones, found: BlockSeries[]): void {
    const one = new BlockSeries(this.index, series, range, tombstones.get(series))
    // Only what has tombstones can have lost all its chunks.
    if (one.deleted.length === 0 || one.chunks.length > 0) found.push(one)
  }

  /**
   * Reads the pieces in which the series' chunks lie, as far as the cache does not have them, and gives each chunk its bytes.
   * The block may be closed meanwhile or later: what was loaded stays valid.
   * @param budget - Charged with the unpacked bytes, before anything is read. What it throws ends the load.
   * @returns a sentence for each piece that is damaged; its chunks have no bytes.
   */
  async load(series: readonly BlockSeries[], budget: BytesBudget): Promise<readonly string[]> {
    const release = this.retain()
    try {
      const { cache, onDamagedPiece, onLoad } = this.#deps
      onLoad?.()
      const source = { meta: this.meta, dir: this.dir, columns: this.index.columns, file: this.#data, damaged: this.#damaged }
      return await loadPieces(source, series, { cache, budget, onDamagedPiece })
    } finally {
      release()
    }
  }

  /** Names of labels of the series that match; in no order. Without a matcher those of all series, if the block touches the range. */
  labelNames(matchers: readonly CompiledMatcher[], range: TimeRange): Iterable<string> {
    const { symbols, nameSymbol, nameFirstPair, pairName } = this.index.columns
    if (matchers.length === 0) return this.#touches(range) ? Array.from(nameSymbol, (symbol) => symbols.get(symbol)) : []
    const names = new Set<number>()
    for (const series of matchSeries(this.index, matchers, range)) {
      for (const pair of this.index.pairsOf(series)) names.add(pairName[pair]!)
      if (names.size === nameFirstPair.length - 1) break
    }
    return Array.from(names, (name) => symbols.get(nameSymbol[name]!))
  }

  /** Values of one label among the series that match; in no order. Without a matcher those of all series, if the block touches the range. */
  labelValues(name: string, matchers: readonly CompiledMatcher[], range: TimeRange): Iterable<string> {
    const [first, end] = this.index.pairsOfName(name)
    if (matchers.length === 0) {
      return this.#touches(range) ? Array.from({ length: end - first }, (_, i) => this.index.valueOf(first + i)) : []
    }
    const values = new Set<number>()
    for (const series of first < end ? matchSeries(this.index, matchers, range) : []) {
      for (const pair of this.index.pairsOf(series)) if (pair >= first && pair < end) values.add(pair)
    }
    return Array.from(values, (pair) => this.index.valueOf(pair))
  }

  /** Labels of the series that match, in their order. */
  *seriesLabels(matchers: readonly CompiledMatcher[], range: TimeRange): Iterable<Labels> {
    for (const series of this.match(matchers, range)) yield series.labels
  }

  /** Every series with all its chunks, in the order of the labels; tombstones are beside it, and nothing is cut by them. */
  *allSeries(): Iterable<{ labels: Labels; index: number; chunks: readonly ChunkPlace[] }> {
    for (let index = 0; index < this.seriesCount; index++) {
      yield {
        labels: this.index.labels(index),
        index,
        chunks: this.index.chunksOf(index, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY),
      }
    }
  }

  /**
   * Deletes samples: they are not shown from now on, and the next compaction leaves them out. On disk before it resolves.
   * @throws MW_STORE_BLOCK_RETIRED when the block was closed; use `BlockSet.deleteSamples`, which finds what stands in its place.
   */
  async addTombstones(entries: readonly TombstoneEntry[]): Promise<void> {
    if (entries.length === 0) return
    const before = this.#writing
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#writing = promise
    await before
    let release: (() => void) | undefined
    try {
      release = this.retain()
      const next = new Map(this.#tombstones)
      const pace = createPace()
      for (const { series, range } of entries) {
        const cut = { fromMs: Math.max(range.fromMs, this.meta.minMs), toMs: Math.min(range.toMs, this.meta.maxMs) }
        if (cut.fromMs <= cut.toMs) next.set(series, joinRanges([...(next.get(series) ?? []), cut]))
        if (pace.due(20)) await pace.breathe()
      }
      await writeTombstones(join(this.dir, TOMBSTONES_FILE), next, this.meta.minMs)
      this.#tombstones = next
      this.#tombstoneVersion++
    } catch (error) {
      throw writeError(error, `the deletions of block ${this.meta.id}`)
    } finally {
      release?.()
      resolve()
    }
  }

  /** One of the further files that were written with the block. @throws MW_STORE_BLOCK_DAMAGED; undefined when there is none of that name. */
  async readExtraFile(name: string): Promise<Buffer | undefined> {
    const expected = this.meta.files[name]
    return expected === undefined ? undefined : readExtra(this.dir, name, expected)
  }

  /** The handle of `data`, for those who hold the block. */
  get data(): FileHandle {
    return this.#data
  }

  /** Keeps the files open until the function that is returned is called. @throws MW_STORE_BLOCK_RETIRED */
  retain(): () => void {
    if (this.#pins === 0) throw blockErrors.MW_STORE_BLOCK_RETIRED(`block ${this.meta.id} is closed`)
    this.#pins++
    let isHeld = true
    return () => {
      if (isHeld) this.#unpin()
      isHeld = false
    }
  }

  /** Takes no new readers, and resolves when the last one is done. What was loaded stays valid. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (this.#pins === 0) return
    this.#onClosed.push(resolve)
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#unpin()
    }
    await promise
  }

  #unpin(): void {
    this.#pins--
    if (this.#pins > 0) return
    this.#deps.cache.forget(this.meta.id)
    // Nothing was written through it: an error of closing loses nothing, and is none of the readers'.
    void this.#data.close().catch(() => undefined)
    for (const resolve of this.#onClosed) resolve()
  }

  #touches({ fromMs, toMs }: TimeRange): boolean {
    return this.meta.samples > 0 && this.meta.minMs <= toMs && this.meta.maxMs >= fromMs
  }
}
