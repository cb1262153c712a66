import type { Labels } from '../../../core/labels.ts'
import type { TimeRange } from '../contract.ts'
import type { BlockIndex, ChunkPlace } from './block-index.ts'
import { covers } from './tombstones.ts'

const nothing: readonly TimeRange[] = []

/** A series of a block, as a selection found it: labels and chunks are decoded when they are asked for. */
export class BlockSeries {
  /** Its number in the block. */
  readonly index: number
  /** Ranges of time whose samples are deleted: to be cut out of what the chunks hold. In order, apart, both ends included. */
  readonly deleted: readonly TimeRange[]
  readonly #index: BlockIndex
  readonly #range: TimeRange
  #chunks: readonly ChunkPlace[] | undefined

  constructor(index: BlockIndex, series: number, range: TimeRange, deleted: readonly TimeRange[] | undefined) {
    this.index = series
    this.deleted = deleted ?? nothing
    this.#index = index
    this.#range = range
  }

  get labels(): Labels {
    return this.#index.identity(this.index).labels
  }

  /** The same for the same labels, in whatever block. */
  get key(): string {
    return this.#index.identity(this.index).key
  }

  /** Chunks that touch the range, oldest first, without those that are deleted whole. They do not overlap. */
  get chunks(): readonly ChunkPlace[] {
    if (this.#chunks === undefined) {
      const chunks = this.#index.chunksOf(this.index, this.#range.fromMs, this.#range.toMs)
      this.#chunks = this.deleted.length === 0 ? chunks : chunks.filter(({ minMs, maxMs }) => !covers(this.deleted, minMs, maxMs))
    }
    return this.#chunks
  }
}
