import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelwatchError, messageOf } from '../../../core/errors.ts'
import { createPace } from '../../../core/turns.ts'
import type { BlockSetStats, TimeRange } from '../contract.ts'
import type { CompiledMatcher } from '../matcher.ts'
import { type Block, type BlockDeps, openBlock } from './block.ts'
import { blockErrors } from './errors.ts'
import { linkFolder, removeFolder, syncFolder } from './files.ts'
import { mergeBlocks } from './merge-blocks.ts'
import type { BlockMeta } from './meta.ts'
import { Mutex } from './mutex.ts'
import { byTime, openBlocks } from './open-blocks.ts'
import { PieceCache } from './piece-cache.ts'
import { planCompaction } from './plan.ts'
import { quarantine } from './quarantine.ts'
import { findExpired } from './retention.ts'
import type { BlockSetConfig, BlockSetDeps, HeldBlocks } from './set-config.ts'
import { writeBlock } from './write.ts'

export type { BlockLog, BlockSetConfig, BlockSetDeps, HeldBlocks } from './set-config.ts'
export { blockSetDefaults } from './set-config.ts'

/** How long a compaction that failed for another reason than a full disk is left alone. */
const RETRY_MS = 10 * 60_000

/**
 * Opens the blocks of a folder.
 *
 *   leftovers of unfinished writes and deletions  → deleted
 *   damaged blocks (meta, index, tombstones)      → quarantine, with the reason; the rest is served
 *   blocks that a compaction had replaced         → deleted; those with damaged pieces to quarantine
 *
 * @throws MW_STORE_BLOCK_VERSION when a block is of a newer version.
 */
export async function openBlockSet(dir: string, config: BlockSetConfig, deps: BlockSetDeps): Promise<BlockSet> {
  const set = new BlockSet(dir, config, deps)
  await set.open()
  return set
}

/** The blocks of a store: adds, replaces and deletes them, and never shows one thing twice or not at all. */
export class BlockSet {
  readonly dir: string
  readonly #config: BlockSetConfig
  readonly #deps: BlockSetDeps
  readonly #blockDeps: BlockDeps
  readonly #cache: PieceCache
  /** Held while what blocks there are, or what is deleted of them, changes. */
  readonly #changes = new Mutex()
  /** Held while blocks are written anew. */
  readonly #rewriting = new Mutex()
  /** Blocks on their way out: no more shown, but still on disk. */
  readonly #leaving = new Map<string, Promise<void>>()
  /** Until when blocks that could not be compacted are left alone. */
  readonly #retryAtMs = new Map<string, number>()
  #blocks: readonly Block[] = []
  #counts = {
    compactions: 0,
    compactionFailures: 0,
    compactionMs: 0,
    retentionDeletions: 0,
    damagedPieces: 0,
    quarantinedBlocks: 0,
    loads: 0,
  }

  constructor(dir: string, config: BlockSetConfig, deps: BlockSetDeps) {
    this.dir = dir
    this.#config = config
    this.#deps = deps
    this.#cache = new PieceCache(config.cacheBytesMax)
    this.#blockDeps = {
      cache: this.#cache,
      onLoad: () => {
        this.#counts.loads++
      },
      onDamagedPiece: (sentence) => {
        this.#counts.damagedPieces++
        deps.log.error({ piece: sentence }, 'a piece of a block is damaged; the rest of the block is served')
      },
    }
  }

  /** What `openBlockSet` does; once. */
  async open(): Promise<void> {
    const { blocks, damaged, leftovers } = await openBlocks(this.dir, this.#blockDeps)
    if (leftovers.length > 0) this.#deps.log.info({ folders: leftovers }, 'deleted what an interrupted write or deletion left')
    this.#blocks = blocks
    for (const { dir, error } of damaged) await this.#setAside(dir, error.message)
    const replacedBy = new Map<string, BlockMeta>()
    for (const { meta } of blocks) for (const source of meta.sources) replacedBy.set(source, meta)
    for (const block of blocks) {
      const by = replacedBy.get(block.meta.id)
      if (by !== undefined)
        await this.#retire(block, by.damagedSources.includes(block.meta.id) ? 'parts of it could not be read' : undefined)
    }
  }

  /** Blocks served at this moment, by the time of their first sample; times may overlap. */
  get blocks(): readonly Block[] {
    return this.#blocks
  }

  /** The blocks of this moment, held: matched now, they can be loaded later, whatever happens to them meanwhile. Release them. */
  acquire(): HeldBlocks {
    const blocks = this.#blocks
    const releases = blocks.map((block) => block.retain())
    return {
      blocks,
      release() {
        for (const release of releases) release()
      },
    }
  }

  /** Serves a block that `writeBlock` wrote into this folder. @throws MW_STORE_BLOCK_DAMAGED */
  async add(meta: BlockMeta): Promise<Block> {
    const dir = join(this.dir, meta.id)
    try {
      const block = await openBlock(dir, this.#blockDeps)
      this.#blocks = [...this.#blocks, block].sort(byTime)
      return block
    } catch (error) {
      await this.#setAside(dir, messageOf(error))
      throw error
    }
  }

  /**
   * Plans and does one compaction. Reads go on meanwhile; what they hold stays valid.
   * @returns Whether there was something to do; call again then.
   * @throws MW_STORE_DISK_FULL, MW_STORE_BLOCK_IO, or the signal's reason: the blocks are as they were.
   */
  async compactOnce(signal?: AbortSignal): Promise<boolean> {
    return this.#rewriting.run(async () => {
      const nowMs = this.#deps.clock.now()
      const ready = this.#blocks.filter(
        ({ meta }) => (this.#retryAtMs.get(meta.id) ?? nowMs) <= nowMs && !meta.sources.some((source) => this.#leaving.has(source)),
      )
      const planned = planCompaction(
        ready.map((block) => ({ block, meta: block.meta, tombstoned: block.tombstones.size })),
        this.#config.blockRangesMs,
      ).map(({ block }) => block)
      if (planned.length === 0) return false
      await this.#rewrite(planned, signal)
      return true
    })
  }

  /** Writes every block with deletions anew, without what was deleted. @returns How many. */
  async cleanTombstones(signal?: AbortSignal): Promise<number> {
    return this.#rewriting.run(async () => {
      const tombstoned = this.#blocks.filter(({ tombstones }) => tombstones.size > 0)
      for (const block of tombstoned) await this.#rewrite([block], signal)
      return tombstoned.length
    })
  }

  /**
   * Deletes samples of the series that match, in every block. On disk before it resolves.
   * @returns How many series of how many blocks it touched, added up.
   */
  async deleteSamples(matchers: readonly CompiledMatcher[], range: TimeRange): Promise<number> {
    return this.#changes.run(async () => {
      let count = 0
      const pace = createPace()
      for (const block of this.#blocks) {
        const found = await block.matchInTurns(matchers, range, pace)
        await block.addTombstones(found.map(({ index }) => ({ series: index, range })))
        count += found.length
      }
      return count
    })
  }

  /**
   * Deletes blocks that retention no longer covers.
   * @param otherBytes - What stands on disk beside the blocks, and counts towards `retentionBytes`.
   * @returns Their ids.
   */
  async applyRetention(nowMs: number, otherBytes: number): Promise<string[]> {
    return this.#changes.run(async () => {
      const expired = findExpired(this.#blocks, this.#config, { nowMs, otherBytes })
      for (const block of expired) {
        const { id, minMs, maxMs } = block.meta
        this.#deps.log.info({ block: id, minMs, maxMs, bytes: block.sizeBytes }, 'retention deletes a block')
        this.#counts.retentionDeletions++
        await this.#retire(block)
      }
      return expired.map(({ meta }) => meta.id)
    })
  }

  /** Gives the files of all blocks second names in a folder (copies, where links cannot be made): it can be opened as a set. @returns Their ids. */
  async snapshotInto(dir: string): Promise<string[]> {
    return this.#changes.run(async () => {
      await mkdir(dir, { recursive: true })
      for (const block of this.#blocks) await linkFolder(block.dir, join(dir, block.meta.id))
      await syncFolder(dir)
      return this.#blocks.map(({ meta }) => meta.id)
    })
  }

  /** Deletes all blocks, and resolves when they are gone from the disk: not before everybody has released those they hold. */
  async wipe(): Promise<void> {
    await this.#changes.run(async () => {
      for (const block of this.#blocks) void this.#retire(block)
    })
    await this.settled()
  }

  get sizeBytes(): number {
    return this.#blocks.reduce((sum, block) => sum + block.sizeBytes, 0)
  }

  stats(): BlockSetStats {
    const sum = (of: (block: Block) => number) => this.#blocks.reduce((total, block) => total + of(block), 0)
    const withSamples = this.#blocks.filter(({ meta }) => meta.samples > 0)
    return {
      ...this.#counts,
      blocks: this.#blocks.length,
      series: sum(({ meta }) => meta.series),
      samples: sum(({ meta }) => meta.samples),
      chunks: sum(({ meta }) => meta.chunks),
      sizeBytes: this.sizeBytes,
      oldestMs: withSamples[0]?.meta.minMs,
      newestMs: withSamples.reduce<number | undefined>((newest, { meta }) => Math.max(newest ?? meta.maxMs, meta.maxMs), undefined),
      tombstonedSeries: sum(({ tombstones }) => tombstones.size),
      cacheBytes: this.#cache.bytes,
      cacheHits: this.#cache.hits,
      cacheMisses: this.#cache.misses,
    }
  }

  /** Resolves when every block that is no longer served has left the disk. */
  async settled(): Promise<void> {
    await Promise.all(this.#leaving.values())
  }

  /** Waits for compactions, deletions and readers. Abort the signal of a compaction first, or it is waited for. */
  async close(): Promise<void> {
    await this.#rewriting.run(() =>
      this.#changes.run(async () => {
        const blocks = this.#blocks
        this.#blocks = []
        await Promise.all(blocks.map((block) => block.close()))
      }),
    )
    await this.settled()
  }

  async #rewrite(blocks: readonly Block[], signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    const startMs = this.#deps.clock.now()
    try {
      const output = await this.#replace(blocks, signal)
      this.#counts.compactions++
      this.#counts.compactionMs += this.#deps.clock.now() - startMs
      const from = blocks.map(({ meta }) => meta.id)
      this.#deps.log.info({ from, block: output?.id, samples: output?.samples, bytes: output?.files.data?.bytes }, 'compacted blocks')
    } catch (error) {
      if (signal?.aborted === true) throw error
      this.#counts.compactionFailures++
      this.#deps.log.error(
        { blocks: blocks.map(({ meta }) => meta.id), error: messageOf(error) },
        'a compaction failed; the blocks are as they were',
      )
      // Room may be there the next moment, and what changed meanwhile is settled by then. Anything else would only fail again.
      const isPassing = error instanceof ModelwatchError && ['MW_STORE_DISK_FULL', 'MW_STORE_BLOCK_RETIRED'].includes(error.code)
      if (!isPassing) for (const { meta } of blocks) this.#retryAtMs.set(meta.id, this.#deps.clock.now() + RETRY_MS)
      throw error
    }
  }

  /**
   *   inputs, held ─ merge ─▶ <id>.tmp ─ under the lock: unchanged? ─▶ <id>, which lists them ─▶ served instead ─▶ inputs deleted
   *
   * A crash before the name appears leaves the inputs; one after it leaves both, and the list says which to delete.
   */
  async #replace(blocks: readonly Block[], signal: AbortSignal | undefined): Promise<BlockMeta | undefined> {
    const releases = blocks.map((block) => block.retain())
    const versions = blocks.map(({ tombstoneVersion }) => tombstoneVersion)
    const damaged = new Map<string, string>()
    const damagedSources: string[] = []
    const onDamaged = ({ meta, damagedPieces }: Block, sentence: string) => {
      if (damagedPieces.size === 0) this.#counts.damagedPieces++ // Else readers have met it, and counted it.
      this.#deps.log.error(
        { block: meta.id, piece: sentence },
        'a compaction leaves out what cannot be read; the block it stood in is kept aside',
      )
      if (!damaged.has(meta.id)) damagedSources.push(meta.id)
      damaged.set(meta.id, sentence)
    }
    const ensureUnchanged = () => {
      const isSame = blocks.every((block, i) => this.#blocks.includes(block) && block.tombstoneVersion === versions[i])
      if (!isSame) throw blockErrors.MW_STORE_BLOCK_RETIRED('blocks were deleted, or samples of them, while they were compacted')
    }
    let release: (() => void) | undefined
    try {
      const meta = await writeBlock(this.dir, mergeBlocks(blocks, { signal, onDamaged }), {
        level: Math.max(...blocks.map((block) => block.meta.level)) + 1,
        sources: blocks.map((block) => block.meta.id),
        damagedSources,
        contentMs: Math.max(...blocks.map((block) => block.meta.contentMs)),
        clock: this.#deps.clock,
        ...(signal !== undefined && { signal }),
        publish: async (appear) => {
          release = await this.#changes.acquire()
          ensureUnchanged()
          await appear()
        },
      })
      release ??= await this.#changes.acquire()
      if (meta === undefined) ensureUnchanged()
      else await this.#serveInstead(blocks, meta)
      for (const undo of releases.splice(0)) undo()
      await Promise.all(blocks.map((block) => this.#retire(block, damaged.get(block.meta.id))))
      return meta
    } finally {
      release?.()
      for (const undo of releases) undo()
    }
  }

  /** Shows a new block and hides those it replaces, in one moment. */
  async #serveInstead(blocks: readonly Block[], meta: BlockMeta): Promise<void> {
    const dir = join(this.dir, meta.id)
    try {
      const block = await openBlock(dir, this.#blockDeps)
      this.#blocks = [...this.#blocks.filter((one) => !blocks.includes(one)), block].sort(byTime)
    } catch (error) {
      await this.#setAside(dir, messageOf(error))
      throw error
    }
  }

  /**
   * Takes a block out of service, and off the disk when nobody holds it any more.
   * @param reason - Given, it is kept aside instead.
   * @returns Resolves when it is gone, or at once when somebody holds it.
   */
  async #retire(block: Block, reason?: string): Promise<void> {
    const { id } = block.meta
    this.#blocks = this.#blocks.filter((one) => one !== block)
    this.#retryAtMs.delete(id)
    const isHeld = block.isHeld
    const gone = (async () => {
      await block.close()
      try {
        if (reason === undefined) await removeFolder(block.dir)
        else await this.#setAside(block.dir, reason)
        this.#leaving.delete(id)
      } catch (error) {
        // It stays in `#leaving`: what replaces it is not compacted before it is gone, or the block would be shown again after a restart.
        this.#deps.log.error({ block: id, error: messageOf(error) }, 'a block that is no longer needed could not be deleted')
      }
    })()
    this.#leaving.set(id, gone)
    if (!isHeld) await gone
  }

  async #setAside(dir: string, reason: string): Promise<void> {
    try {
      const to = await quarantine(dir, this.#config.quarantineDir, reason)
      this.#counts.quarantinedBlocks++
      this.#deps.log.error({ folder: to, reason }, 'a damaged block was set aside; everything else is served')
    } catch (error) {
      this.#deps.log.error({ folder: dir, reason, error: messageOf(error) }, 'a damaged block could not be set aside; it is not served')
    }
  }
}
