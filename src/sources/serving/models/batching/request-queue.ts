import type { Column, Columns } from '../../../../watch/index.ts'
import type { Predicted } from '../contract.ts'
import type { RowRange } from './columns.ts'

/** Rows that wait for an answer, and what has become of them so far. */
export interface WaitingRequest {
  readonly columns: Columns
  readonly deadlineMs: number | undefined
  readonly signal: { readonly aborted: boolean } | undefined
  readonly arrivedMs: number
  /** What was ahead of it then, by cost. */
  readonly aheadMs: number
  readonly resolve: (predicted: Predicted) => void
  readonly reject: (error: unknown) => void
  /** Answered or refused: nothing that still happens to it matters. */
  isSettled: boolean
  /** Rows that have gone into calls. */
  rowsSent: number
  /** Rows whose answer is there; those of a request that was cut. */
  rowsDone: number
  /** When its first rows went into a call; NaN before. */
  sentMs: number
  queueMs: number
  batchMs: number
  /** Answers to the pieces of a request that was cut, in the order they came. */
  pieces: { readonly from: number; readonly to: number; readonly outputs: readonly Column[] }[] | undefined
}

/** Rows of one request in one call: all of them, or a piece of a request that is larger than a call may be. */
export interface Segment extends RowRange {
  readonly request: WaitingRequest
}

export const rowsOf = (segments: readonly Segment[]): number => {
  let rows = 0
  for (const { from, to } of segments) rows += to - from
  return rows
}

/** Requests without rows take their place too. */
const weightOf = (rows: number) => Math.max(1, rows)
/** Slots at the front that may stand empty before they are given back. */
const HOLES_MAX = 1024

/** Requests in the order they came. The batcher bounds it by rows. */
export class RequestQueue {
  readonly #pieceRowsMax: number
  #items: WaitingRequest[] = []
  #head = 0
  #rows = 0

  /** @param pieceRowsMax - Larger requests are cut into pieces of so many rows; ≥ 1. */
  constructor(pieceRowsMax: number) {
    this.#pieceRowsMax = pieceRowsMax
  }

  /** Rows that wait; a request without rows counts as one. */
  get rows(): number {
    return this.#rows
  }

  /** Who waits; a request of which only pieces wait is one. */
  get requests(): number {
    return this.#items.length - this.#head
  }

  push(request: WaitingRequest): void {
    this.#items.push(request)
    this.#rows += weightOf(request.columns.rows)
  }

  /** Who waits, first come first. A request of which only pieces wait is among them. */
  *waiting(): Generator<WaitingRequest> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i]!
  }

  /**
   * The rows of the next call: whole requests from the front as long as they fit, at least one. A request larger than a piece gives one
   * piece at a time.
   * @param rowsMax - What the call should hold; ≥ 1. One request of up to a piece's rows is never cut, and may be more.
   * @param isWanted - Asked of each request before it is taken; it has settled those it refuses.
   */
  take(rowsMax: number, isWanted: (request: WaitingRequest) => boolean): Segment[] {
    const segments: Segment[] = []
    let rows = 0
    while (this.#head < this.#items.length) {
      const request = this.#items[this.#head]!
      const left = request.columns.rows - request.rowsSent
      if (!isWanted(request)) {
        this.#shift(weightOf(left))
        continue
      }
      if (segments.length > 0 && rows + weightOf(left) > rowsMax) break
      const count = Math.min(left, this.#pieceRowsMax)
      const from = request.rowsSent
      segments.push({ request, columns: request.columns, from, to: from + count })
      rows += weightOf(count)
      request.rowsSent += count
      if (count < left) {
        this.#rows -= count
        break // The rest of it is next.
      }
      this.#shift(weightOf(count))
      if (rows >= rowsMax) break
    }
    return segments
  }

  /** Lets go of the requests that have been settled while they waited. */
  sweep(): void {
    const left = this.#items.slice(this.#head).filter(({ isSettled }) => !isSettled)
    this.#items = left
    this.#head = 0
    this.#rows = left.reduce((sum, { columns, rowsSent }) => sum + weightOf(columns.rows - rowsSent), 0)
  }

  #shift(rows: number): void {
    this.#rows -= rows
    this.#items[this.#head++] = undefined as never // The array must not keep it alive.
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    } else if (this.#head >= HOLES_MAX && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
  }
}
