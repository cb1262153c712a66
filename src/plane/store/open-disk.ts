import { readdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ModelwatchError, messageOf } from '../../core/errors.ts'
import { createPace } from '../../core/turns.ts'
import { openBlockSet } from './block/block-set.ts'
import { codeOf, UNFINISHED } from './block/files.ts'
import { findCheckpoint, keepDamaged, METADATA_FILE } from './checkpoint.ts'
import type { StoreConfig } from './config.ts'
import { closeParts, Disk, type DiskDeps, type DiskParts } from './disk.ts'
import { lockFolder } from './folder-lock.ts'
import { replayInto, restoreInto } from './head/replay.ts'
import { walErrors } from './wal/errors.ts'
import { syncFolder } from './wal/segment.ts'
import { openWal } from './wal/wal.ts'

const RANGE_FACTORS = [1, 3, 9, 27, 81, 243]

/**
 * Opens a data folder, made if need be: locks it, opens its blocks, puts checkpoint and log back into memory.
 * @throws MW_STORE_FOLDER_LOCKED when another process holds it, MW_STORE_FOLDER_UNUSABLE when it cannot be made or written, MW_STORE_BLOCK_VERSION or
 *   MW_WAL_VERSION when a newer modelwatch wrote it, MW_STORE_BLOCK_IO when a part cannot be read for now. The folder is free again then.
 */
export async function openDisk(dir: string, config: StoreConfig, deps: DiskDeps): Promise<Disk> {
  const startTick = performance.now()
  const parts: Partial<{ -readonly [K in keyof DiskParts]: DiskParts[K] }> = {}
  try {
    parts.lock = await lockFolder(dir)
    await removeUnfinished(join(dir, 'snapshots'))
    const quarantineDir = join(dir, 'quarantine')
    const { log, clock } = deps
    const { cacheBytesMax, retentionMs, retentionBytes, fsyncIntervalMs } = config
    const blockRangesMs = RANGE_FACTORS.map((factor) => factor * config.blockRangeMs)
    const blockConfig = { cacheBytesMax, blockRangesMs, retentionMs, retentionBytes, quarantineDir }
    parts.blocks = await openBlockSet(join(dir, 'blocks'), blockConfig, { log, clock })
    parts.wal = await openWal(join(dir, 'wal'), { fsyncIntervalMs }, { log, quarantineDir })
    const disk = new Disk(dir, config, deps, parts as DiskParts)
    await restore(disk, deps)
    // The names of the folders that were made: what is in them is synced by whoever writes it.
    for (const made of [dir, dirname(resolve(dir))]) await syncFolder(made)
    setFloor(disk, config, deps)
    disk.updateRetention()
    disk.stats.startMs = performance.now() - startTick
    disk.maintenance.start()
    return disk
  } catch (error) {
    await closeParts(parts).catch(() => undefined) // The first failure says more.
    if (error instanceof ModelwatchError || codeOf(error) === '') throw error
    throw walErrors.MW_STORE_FOLDER_UNUSABLE(`the data folder ${dir} cannot be opened: ${messageOf(error)}`, { cause: error })
  }
}

/** Snapshots that an earlier process did not get to the end of. */
async function removeUnfinished(snapshots: string): Promise<void> {
  const names = await readdir(snapshots).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  })
  for (const name of names) if (name.endsWith(UNFINISHED)) await rm(join(snapshots, name), { recursive: true, force: true })
}

async function restore(disk: Disk, { log, metadata }: DiskDeps): Promise<void> {
  const { head, quarantineDir, checkpointDir } = disk
  const { block, fromSegment, damages } = await findCheckpoint({ dir: checkpointDir, quarantineDir })
  const warnings = [...damages]
  if (block !== undefined) {
    try {
      const missing = await restoreInto(head, block)
      if (missing.length > 0) await keepDamaged(block, quarantineDir)
      warnings.push(...missing)
      const known = await block.readExtraFile(METADATA_FILE)
      if (known !== undefined) await metadata.parse(known, createPace())
      disk.checkpointBytes = block.sizeBytes
    } finally {
      await block.close()
    }
  }
  const handler = replayInto(head, (metric, data) => void metadata.set(metric, data))
  const replayed = await disk.wal.replay(fromSegment, handler)
  if (handler.unknown() > 0)
    warnings.push(`${handler.unknown()} samples of the log belong to series whose declaration is damaged; they are left out`)
  for (const warning of warnings) log.warn({ folder: disk.dir }, warning)
  disk.stats.damages = warnings.length + replayed.damages.length
}

/** What lies before the blocks' end is late, unless a block reaches into the future: then samples of now must not wait for it to pass. */
function setFloor({ head, blocks }: Disk, { blockRangeMs }: StoreConfig, { clock }: DiskDeps): void {
  const newestBlockMs = blocks.blocks.reduce((newest, { meta }) => Math.max(newest, meta.maxMs), Number.NEGATIVE_INFINITY)
  head.floorMs = Math.min(newestBlockMs + 1, head.oldestMs, clock.now() - blockRangeMs / 2)
}
