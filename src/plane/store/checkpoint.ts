import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../../core/errors.ts'
import type { Pace } from '../../core/turns.ts'
import { type Block, openBlock } from './block/block.ts'
import { UNFINISHED } from './block/files.ts'
import { writeBlock } from './block/write.ts'
import { wholeSeries } from './head/flush.ts'
import type { Head } from './head/head.ts'
import { sortedSeries } from './head/replay.ts'

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

/** Opens the newest checkpoint that can be opened; damaged ones are moved to quarantine. */
export async function findCheckpoint({ dir, quarantineDir }: CheckpointFolder): Promise<FoundCheckpoint> {
  await mkdir(dir, { recursive: true })
  const damages: string[] = []
  for (const name of (await readdir(dir)).sort().reverse()) {
    if (name.endsWith(UNFINISHED)) continue
    try {
      const block = await openBlock(join(dir, name))
      return { block, fromSegment: block.meta.walSegment ?? 0, damages }
    } catch (error) {
      await mkdir(quarantineDir, { recursive: true })
      await rename(join(dir, name), join(quarantineDir, `checkpoint-${name}`))
      damages.push(`the checkpoint ${name} is damaged and was moved to ${quarantineDir}: ${messageOf(error)}`)
    }
  }
  return { block: undefined, fromSegment: 0, damages }
}

/** Writes the head as it is now. @returns the name of the checkpoint, undefined when the head is empty. */
export async function writeCheckpoint(dir: string, head: Head, walSegment: number, pace: Pace): Promise<string | undefined> {
  const sorted = await sortedSeries(head, pace)
  const series = wholeSeries(sorted, head.memory.blockRangeMs, pace)
  const meta = await writeBlock(dir, series, { level: 0, sources: [], kind: 'checkpoint', walSegment })
  return meta?.id
}

/** Removes all checkpoints but the one named, and what an interrupted write left behind. */
export async function removeOtherCheckpoints(dir: string, kept: string | undefined): Promise<void> {
  for (const name of await readdir(dir)) if (name !== kept) await rm(join(dir, name), { recursive: true, force: true })
}
