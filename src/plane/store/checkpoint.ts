import { mkdir, readdir, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ModelwatchError, messageOf } from '../../core/errors.ts'
import type { Pace } from '../../core/turns.ts'
import { type Block, openBlock } from './block/block.ts'
import { DELETED, linkFolder, removeFolder, syncFolder, UNFINISHED } from './block/files.ts'
import type { BlockMeta } from './block/meta.ts'
import { quarantine } from './block/quarantine.ts'
import { writeBlock } from './block/write.ts'
import { wholeSeries } from './head/encode-series.ts'
import type { Head } from './head/head.ts'
import { sortedSeries } from './head/replay.ts'
import type { MetadataTable } from './metadata.ts'

/** The file of a checkpoint that holds what is known of metrics. */
export const METADATA_FILE = 'metadata'

/**
 * Checkpoints: the whole head, in the shape of a block, together with the segment of the log from which on to replay. There is at most one that counts,
 * the newest; it stands in place of all earlier segments.
 */
export interface CheckpointFolder {
  readonly dir: string
  readonly quarantineDir: string
}

export interface FoundCheckpoint {
  readonly block: Block | undefined
  /** Replay begins here. */
  readonly fromSegment: number
  /** Checkpoints that could not be opened, in sentences. */
  readonly damages: readonly string[]
}

/**
 * Opens the newest checkpoint that can be opened; damaged ones are moved to quarantine.
 * @throws MW_STORE_BLOCK_VERSION when a newer modelwatch wrote it, MW_STORE_BLOCK_IO when it cannot be read for now: nothing is moved then.
 */
export async function findCheckpoint({ dir, quarantineDir }: CheckpointFolder): Promise<FoundCheckpoint> {
  await mkdir(dir, { recursive: true })
  const damages: string[] = []
  for (const name of (await readdir(dir)).sort().reverse()) {
    if (name.endsWith(UNFINISHED) || name.endsWith(DELETED)) continue
    try {
      const block = await openBlock(join(dir, name))
      return { block, fromSegment: block.meta.walSegment ?? 0, damages }
    } catch (error) {
      if (!(error instanceof ModelwatchError && error.code === 'MW_STORE_BLOCK_DAMAGED')) throw error
      const to = await quarantine(join(dir, name), quarantineDir, error.message, `checkpoint-${name}`)
      damages.push(`the checkpoint ${name} is damaged and was moved to ${to}: ${messageOf(error)}`)
    }
  }
  return { block: undefined, fromSegment: 0, damages }
}

/** Keeps a copy of a checkpoint of which a part could not be read: the next one takes its place. */
export async function keepDamaged(checkpoint: Block, quarantineDir: string): Promise<void> {
  await mkdir(quarantineDir, { recursive: true })
  const to = join(quarantineDir, `checkpoint-${checkpoint.meta.id}`)
  // Copied at an earlier start, after which no checkpoint was written.
  if (!(await readdir(quarantineDir)).includes(`checkpoint-${checkpoint.meta.id}`)) await linkFolder(checkpoint.dir, to)
}

/** Writes head and metadata as they are now. @returns undefined when there is neither. */
export async function writeCheckpoint(
  dir: string,
  { head, metadata }: { readonly head: Head; readonly metadata: MetadataTable },
  walSegment: number,
  pace: Pace,
): Promise<BlockMeta | undefined> {
  const known = metadata.size === 0 ? {} : { [METADATA_FILE]: await metadata.format(pace) }
  const series = wholeSeries(await sortedSeries(head, pace), head.memory.blockRangeMs, pace)
  return writeBlock(dir, series, {
    level: 0,
    sources: [],
    kind: 'checkpoint',
    walSegment,
    extraFiles: known,
    isWrittenEmpty: metadata.size > 0,
  })
}

/** Removes all checkpoints but the one named, and what an interrupted write left behind. */
export async function removeOtherCheckpoints(dir: string, kept: string | undefined): Promise<void> {
  for (const name of await readdir(dir)) if (name !== kept) await removeFolder(join(dir, name))
}

/** Makes a folder appear under its name, complete. */
export async function publishFolder(unfinished: string, dir: string): Promise<void> {
  await syncFolder(unfinished)
  await rename(unfinished, dir)
  await syncFolder(dirname(dir))
}
