import type { Clock } from '../../../core/time.ts'
import type { Block } from './block.ts'

export interface BlockSetConfig {
  /** Unpacked pieces kept in memory, over all blocks. 64 MiB by default. */
  readonly cacheBytesMax: number
  /** Lengths of ranges, rising, each a multiple of the one before. 2 h, then three times as long each, up to 486 h, by default. */
  readonly blockRangesMs: readonly number[]
  readonly retentionMs: number
  readonly retentionBytes: number | undefined
  /** Where damaged blocks go. */
  readonly quarantineDir: string
}

const HOUR_MS = 3_600_000
export const blockSetDefaults = {
  cacheBytesMax: 64 * 1024 * 1024,
  blockRangesMs: [2, 6, 18, 54, 162, 486].map((hours) => hours * HOUR_MS),
} as const satisfies Partial<BlockSetConfig>

export interface BlockLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface BlockSetDeps {
  readonly log: BlockLog
  readonly clock: Clock
}

/** Blocks that stay open until they are released. */
export interface HeldBlocks {
  readonly blocks: readonly Block[]
  release(): void
}
