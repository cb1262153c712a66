import assert from 'node:assert/strict'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { compareLabels, formatLabels, type Labels } from '../../../core/labels.ts'
import { type Clock, systemClock } from '../../../core/time.ts'
import { createPace, type Pace } from '../../../core/turns.ts'
import type { EncodedChunk } from '../chunk/chunk.ts'
import { syncFolder, UNFINISHED, writeDurably, writeError } from './files.ts'
import { IndexBuilder } from './index-builder.ts'
import { BLOCK_VERSION, type BlockFile, type BlockMeta, createBlockId, formatMeta, META_FILE } from './meta.ts'
import { PieceWriter } from './piece-writer.ts'

/** One series with its chunks, oldest first; they do not overlap. */
export interface SeriesChunks {
  readonly labels: Labels
  readonly chunks: readonly EncodedChunk[]
}

export interface WriteBlockOptions {
  /** 1 by default: straight from memory. */
  readonly level?: number
  /** Blocks that this one replaces: once it is there, they are deleted when the set is opened. */
  readonly sources?: readonly string[]
  /** Read when all series have come: it may be filled until then. */
  readonly damagedSources?: readonly string[]
  /** `block` by default. */
  readonly kind?: BlockMeta['kind']
  readonly walSegment?: number
  /** When the newest of its content left memory; now by default. */
  readonly contentMs?: number
  /** Kept in `meta.json`; must be JSON, and small. */
  readonly extra?: unknown
  /** Whether there is to be a block even if no series comes: for what stands beside it. */
  readonly isWrittenEmpty?: boolean
  /** Further files of the folder, by name, with a checksum each. */
  readonly extraFiles?: Readonly<Record<string, Uint8Array>>
  readonly clock?: Clock
  readonly signal?: AbortSignal
  /** Called when all is on disk but the block's name; it calls what it is given to make the block appear, or throws to give it up. */
  readonly publish?: (appear: () => Promise<void>) => Promise<void>
}

/**
 * Writes a block into `parentDir/<id>`: complete and on disk, or not at all. Gives way to the event loop.
 * Memory: one piece, and what the index says of each series; no samples.
 *
 * @param series - Sorted by `compareLabels`, each once. Their bytes are copied before the next one is asked for.
 * @returns undefined when no series came: nothing is written then, unless it is to be.
 * @throws MW_STORE_DISK_FULL, MW_STORE_BLOCK_IO, what the iteration threw, or the signal's reason; nothing is left behind.
 * @throws {AssertionError} if series or chunks are out of order: that is a bug in the caller.
 */
export async function writeBlock(
  parentDir: string,
  series: AsyncIterable<SeriesChunks> | Iterable<SeriesChunks>,
  options: WriteBlockOptions = {},
): Promise<BlockMeta | undefined> {
  const createdMs = (options.clock ?? systemClock).now()
  const id = createBlockId(createdMs)
  const dir = join(parentDir, `${id}${UNFINISHED}`)
  try {
    await mkdir(dir, { recursive: true })
    const pace = createPace(options.signal)
    const data = await open(join(dir, 'data'), 'wx')
    let written: { index: IndexBuilder; pieces: PieceWriter }
    try {
      written = await writeData(data, series, pace)
    } finally {
      await data.close()
    }
    const { index, pieces } = written
    if (index.series === 0 && options.isWrittenEmpty !== true) {
      await rm(dir, { recursive: true })
      return undefined
    }
    const parts = await index.finish(pieces.table, pace)
    await writeDurably(join(dir, 'index'), parts)
    const files: Record<string, BlockFile> = {
      data: { bytes: pieces.writtenBytes },
      index: { bytes: parts.reduce((sum, part) => sum + part.length, 0) },
    }
    for (const [name, bytes] of Object.entries(options.extraFiles ?? {})) {
      assert(!(name in files) && name !== META_FILE && name !== 'tombstones', `a block has a file ${name} of its own`)
      await writeDurably(join(dir, name), [bytes])
      files[name] = { bytes: bytes.length, crc32: crc32(bytes) }
    }
    const meta: BlockMeta = {
      ...{ version: BLOCK_VERSION, id, kind: options.kind ?? 'block' },
      ...(index.samples === 0 ? { minMs: 0, maxMs: 0 } : { minMs: index.minMs, maxMs: index.maxMs }),
      ...{ samples: index.samples, series: index.series, chunks: index.chunks },
      ...{ level: options.level ?? 1, sources: options.sources ?? [], damagedSources: options.damagedSources ?? [] },
      ...(options.walSegment !== undefined && { walSegment: options.walSegment }),
      ...{ createdMs, contentMs: options.contentMs ?? createdMs, files },
      ...(options.extra !== undefined && { extra: options.extra }),
    }
    await writeDurably(join(dir, META_FILE), [Buffer.from(formatMeta(meta))])
    await syncFolder(dir)
    options.signal?.throwIfAborted()
    const appear = async () => {
      await rename(dir, join(parentDir, id))
      await syncFolder(parentDir)
    }
    await (options.publish === undefined ? appear() : options.publish(appear))
    return meta
  } catch (error) {
    // Where even this fails, the folder goes when the set is opened next.
    await rm(dir, { recursive: true, force: true }).catch(() => undefined)
    throw writeError(error, `block ${id} into ${parentDir}`)
  }
}

async function writeData(file: FileHandle, series: AsyncIterable<SeriesChunks> | Iterable<SeriesChunks>, pace: Pace) {
  const index = new IndexBuilder()
  const pieces = new PieceWriter(file)
  let last: Labels | undefined
  const add = async ({ labels, chunks }: SeriesChunks) => {
    if (last !== undefined && compareLabels(last, labels) >= 0) assert.fail(`series out of order: ${formatLabels(labels)}`)
    last = labels
    index.add(labels, chunks)
    for (const { bytes, offset, length } of chunks) {
      pieces.add(bytes, offset, length)
      if (pieces.isFull) await pieces.flush()
    }
    if (pace.due(150 + chunks.length * 20)) await pace.breathe()
  }
  for await (const one of series) await add(one)
  await pieces.finish()
  return { index, pieces }
}
