import type { Columns } from '../../../../watch/index.ts'
import type { Answer } from './client.ts'
import type { Request } from './connection.ts'
import type { OutputColumn } from './output-columns.ts'

/** How rows become requests, and answers rows. */
export interface Protocol {
  /** Whether one request carries many rows. */
  readonly batch: boolean
  /** Whether a number may come as text. */
  readonly numbersAsText: boolean
  /** A request for the rows from `from`, included, to `to`, not. @throws MW_INPUT_UNFIT for a value that cannot be sent as the server wants it. */
  encode(columns: Columns, from: number, to: number): Request
  /**
   * Puts the answers for those rows into the columns of the outputs, in the schema's order.
   * @throws MW_UPSTREAM_ANSWER when they are not there or of another kind.
   */
  decode(answer: Answer, into: readonly OutputColumn[], from: number, to: number): void
}
