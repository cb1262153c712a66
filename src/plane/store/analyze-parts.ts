import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelwatchError } from '../../core/errors.ts'
import { analyzeErrors } from './analyze-errors.ts'
import { type Block, openBlock } from './block/block.ts'
import { UNFINISHED } from './block/files.ts'
import { isBlockId } from './block/meta.ts'
import { PieceCache } from './block/piece-cache.ts'
import { listSegments, segmentName } from './wal/segment.ts'

/** Something that cannot be read. */
export interface Damage {
  /** Path of the file or folder. */
  readonly path: string
  readonly reason: string
}

export interface OpenSegment {
  readonly number: number
  readonly path: string
  readonly file: FileHandle
  readonly sizeBytes: number
}

/** The pieces of a data folder, open: what a running store deletes meanwhile can still be read. */
export interface OpenParts {
  /** By the time of their first sample. */
  readonly blocks: readonly Block[]
  readonly checkpoint: Block | undefined
  /** Those that come after the checkpoint. */
  readonly segments: readonly OpenSegment[]
  readonly damages: Damage[]
  close(): Promise<void>
}

const ATTEMPTS_MAX = 5

/** A piece went away between being found and being opened. */
class Vanished extends Error {}

/**
 * Opens everything of a data folder to be read, without its lock and without changing anything: a store may be at work there.
 * @throws MW_ANALYZE_NO_STORE, MW_ANALYZE_MOVING, MW_STORE_BLOCK_VERSION.
 */
export async function openParts(folder: string): Promise<OpenParts> {
  const found = await Promise.all(['blocks', 'checkpoints', 'wal'].map((name) => isFolder(join(folder, name))))
  if (!found.includes(true))
    throw analyzeErrors.MW_ANALYZE_NO_STORE(`${folder} holds no store: there is no blocks, checkpoints or wal in it`)
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const parts = new Parts(folder)
    try {
      if (await parts.open()) return parts
    } catch (error) {
      await parts.close()
      if (!(error instanceof Vanished)) throw error
      continue
    }
    await parts.close()
  }
  throw analyzeErrors.MW_ANALYZE_MOVING(`files of ${folder} went away while they were opened, ${ATTEMPTS_MAX} times`)
}

class Parts implements OpenParts {
  blocks: Block[] = []
  checkpoint: Block | undefined
  readonly segments: OpenSegment[] = []
  readonly damages: Damage[] = []
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** @returns false when a checkpoint was written meanwhile: what stands in the log before it may have been missed. */
  async open(): Promise<boolean> {
    const checkpoints = join(this.#folder, 'checkpoints')
    const newest = (await namesOf(checkpoints)).at(-1)
    for (const name of (await namesOf(checkpoints)).reverse()) {
      this.checkpoint = await this.#openBlock(join(checkpoints, name))
      if (this.checkpoint !== undefined) break
    }
    await this.#openSegments(this.checkpoint?.meta.walSegment ?? 0)
    const blocks = join(this.#folder, 'blocks')
    for (const name of (await namesOf(blocks)).filter(isBlockId)) {
      const block = await this.#openBlock(join(blocks, name))
      if (block !== undefined) this.blocks.push(block)
    }
    // What a compaction has replaced and not yet deleted is there twice.
    const replaced = new Set(this.blocks.flatMap(({ meta }) => meta.sources))
    for (const block of this.blocks) if (replaced.has(block.meta.id)) await block.close()
    this.blocks = this.blocks.filter(({ meta }) => !replaced.has(meta.id)).sort((a, b) => a.meta.minMs - b.meta.minMs)
    return (await namesOf(checkpoints)).at(-1) === newest
  }

  async #openBlock(dir: string): Promise<Block | undefined> {
    try {
      return await openBlock(dir, { cache: new PieceCache(0), onDamagedPiece: (reason) => void this.damages.push({ path: dir, reason }) })
    } catch (error) {
      if (!(await isFolder(dir))) throw new Vanished()
      if (!(error instanceof ModelwatchError) || error.code !== 'MW_STORE_BLOCK_DAMAGED') throw error
      this.damages.push({ path: dir, reason: error.message })
      return undefined
    }
  }

  async #openSegments(from: number): Promise<void> {
    const dir = join(this.#folder, 'wal')
    if (!(await isFolder(dir))) return
    for (const number of (await listSegments(dir)).filter((one) => one >= from)) {
      const path = join(dir, segmentName(number))
      try {
        const file = await open(path, 'r')
        this.segments.push({ number, path, file, sizeBytes: (await file.stat()).size })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new Vanished()
        throw error
      }
    }
  }

  async close(): Promise<void> {
    for (const block of this.blocks) await block.close()
    await this.checkpoint?.close()
    for (const { file } of this.segments) await file.close()
  }
}

/** Names in a folder, sorted, without those of things half written; none when there is no folder. */
async function namesOf(dir: string): Promise<string[]> {
  if (!(await isFolder(dir))) return []
  return (await readdir(dir)).filter((name) => !name.endsWith(UNFINISHED)).sort()
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}
