import type { BlockMeta } from './meta.ts'

/** Blocks one compaction takes at most; where more belong together, the rest follow. */
export const COMPACTION_BLOCKS_MAX = 32
/** Share of a block's series with deletions past which it is written anew by itself. */
const TOMBSTONED_RATIO = 0.05

/** What the plan knows of a block. */
export interface PlannedBlock {
  readonly meta: Pick<BlockMeta, 'id' | 'minMs' | 'maxMs' | 'series'>
  /** Series with deletions. */
  readonly tombstoned: number
}

/**
 * Which blocks are to become one now; none when there is nothing to do. As Prometheus' leveled plan has it:
 *
 *   1. blocks whose times overlap, so that a read has no more to merge
 *   2. blocks that fill a larger range together, once a newer block says that no more will come into it; smaller ranges first
 *   3. a block of a long range with many deletions, by itself
 *
 * Nothing of 2 reaches over a boundary of its range, and ranges are nested, so a block never has to be taken apart again.
 *
 * @param rangesMs - Lengths of ranges, rising, each a multiple of the one before; the first is that of blocks straight from memory.
 */
export function planCompaction<T extends PlannedBlock>(blocks: readonly T[], rangesMs: readonly number[]): readonly T[] {
  const sorted = [...blocks].sort((a, b) => a.meta.minMs - b.meta.minMs || (a.meta.id < b.meta.id ? -1 : 1))
  const overlapping = findOverlapping(sorted)
  if (overlapping.length > 0) return overlapping
  const newestMs = sorted.at(-1)?.meta.minMs ?? 0
  for (const rangeMs of rangesMs.slice(1)) {
    for (const group of groupByRange(sorted, rangeMs)) {
      if (group.blocks.length > 1 && group.endMs <= newestMs) return group.blocks.slice(0, COMPACTION_BLOCKS_MAX)
    }
  }
  const longMs = rangesMs[Math.floor(rangesMs.length / 2)] ?? 0
  const tombstoned = sorted.find(
    ({ meta, tombstoned }) => meta.maxMs - meta.minMs >= longMs && tombstoned > meta.series * TOMBSTONED_RATIO && meta.minMs < newestMs,
  )
  return tombstoned === undefined ? [] : [tombstoned]
}

function findOverlapping<T extends PlannedBlock>(sorted: readonly T[]): T[] {
  for (let i = 0; i < sorted.length; i++) {
    const group = [sorted[i]!]
    let maxMs = sorted[i]!.meta.maxMs
    for (const block of sorted.slice(i + 1)) {
      if (block.meta.minMs > maxMs || group.length === COMPACTION_BLOCKS_MAX) break
      group.push(block)
      maxMs = Math.max(maxMs, block.meta.maxMs)
    }
    if (group.length > 1) return group
  }
  return []
}

/** Blocks that lie wholly within one aligned range, range by range. */
function groupByRange<T extends PlannedBlock>(sorted: readonly T[], rangeMs: number): { blocks: T[]; endMs: number }[] {
  const groups = new Map<number, T[]>()
  for (const block of sorted) {
    const start = Math.floor(block.meta.minMs / rangeMs) * rangeMs
    if (block.meta.maxMs >= start + rangeMs) continue
    const group = groups.get(start)
    if (group === undefined) groups.set(start, [block])
    else group.push(block)
  }
  return [...groups].map(([start, members]) => ({ blocks: members, endMs: start + rangeMs }))
}
