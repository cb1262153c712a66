import type { BlockMeta } from './meta.ts'

export interface RetainedBlock {
  readonly meta: Pick<BlockMeta, 'minMs' | 'maxMs'>
  readonly sizeBytes: number
}

export interface Retention {
  /** Samples are kept for so long. */
  readonly retentionMs: number
  /** What everything together may take on disk; undefined for no bound. */
  readonly retentionBytes: number | undefined
}

export interface RetentionNow {
  readonly nowMs: number
  /** Bytes on disk beside the blocks: the log and what belongs to it. */
  readonly otherBytes: number
}

/**
 * Blocks that retention no longer covers: those whose last sample is too old, and then the oldest until the rest has room.
 * Age is measured from now or from the newest block, whichever is earlier: a clock that jumps ahead deletes nothing.
 */
export function findExpired<T extends RetainedBlock>(
  blocks: readonly T[],
  { retentionMs, retentionBytes }: Retention,
  now: RetentionNow,
): T[] {
  const newestMs = blocks.reduce((newest, { meta }) => Math.max(newest, meta.maxMs), Number.NEGATIVE_INFINITY)
  const floorMs = Math.min(now.nowMs, newestMs) - retentionMs
  const expired: T[] = []
  let bytes = blocks.reduce((sum, { sizeBytes }) => sum + sizeBytes, now.otherBytes)
  for (const block of [...blocks].sort((a, b) => a.meta.maxMs - b.meta.maxMs || a.meta.minMs - b.meta.minMs)) {
    const isTooMuch = retentionBytes !== undefined && bytes > retentionBytes
    if (block.meta.maxMs >= floorMs && !isTooMuch) break
    expired.push(block)
    bytes -= block.sizeBytes
  }
  return expired
}
