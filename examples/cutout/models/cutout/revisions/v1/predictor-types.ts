// The types of a model that is a module. This file imports nothing: copy it beside your predictor.ts, and
//
//   import type { Predictor } from './predictor-types.ts'
//   export default { predict: ({ columns }) => ({ total: columns.a.map((a, row) => a + columns.b[row]) }) } satisfies Predictor

/**
 * Values of one feature, row by row; where it has a shape, a row's values one after the other. Numbers, integers and booleans (0 or 1) are a Float64Array in
 * which NaN is a value that is absent, 64-bit integers a BigInt64Array or BigUint64Array, categories strings (absent: ''), images the bytes of their files.
 */
// biome-ignore lint/suspicious/noExplicitAny: the schema, which the compiler does not know, says which of these a feature is.
export type PredictorColumn = any

/** A model's module exports one of these as `default`. */
export interface Predictor {
  /** Called once in each thread, before anything else. What it throws refuses the revision. */
  load?(context: PredictorContext): void | Promise<void>
  /**
   * Predicts rows together; not called again before it has answered. What it throws fails the call, and no row of it is answered; where the rows are
   * at fault rather than the model, throw an error with `code: 'MW_INPUT_UNFIT'`, and the client is told its message with status 422.
   */
  predict(batch: PredictorBatch): PredictorAnswer | Promise<PredictorAnswer>
  /** Called when the thread is to end. */
  unload?(): void | Promise<void>
}

export interface PredictorContext {
  /** The revision's folder. */
  readonly dir: string
  /** The folder's name. */
  readonly revision: string
  readonly modelName: string
  /** `model.yaml`, defaults filled in. */
  readonly schema: {
    readonly name: string
    readonly features: readonly { readonly name: string; readonly type: string; readonly shape?: readonly number[] }[]
    readonly outputs: readonly {
      readonly name: string
      readonly kind: string
      readonly type?: string
      readonly shape?: readonly number[]
      readonly classes?: readonly string[]
    }[]
  }
}

export interface PredictorBatch {
  readonly rows: number
  /** By feature. */
  readonly columns: Readonly<Record<string, PredictorColumn>>
  /** When the answer is no longer wanted, on the clock of `performance.now()`; undefined: whenever it comes. */
  readonly deadlineMs: number | undefined
  /** The rows as objects by feature, as clients send them: an absent value is null, a 64-bit integer a bigint, an image the bytes of its file, a shape nested lists. */
  toRows(): Record<string, PredictorColumn>[]
}

/**
 * Columns by output, or a list with an object by output for each row. A regression is a number (undefined, null or NaN: none), a classification a string, a value
 * what its type says: number, bigint (int64, uint64), string (text), Uint8Array (image). Where an output has a shape, a column holds the rows' numbers one after
 * the other, or a nested list for each row. Fields that are no outputs are passed over.
 */
export type PredictorAnswer = Readonly<Record<string, ArrayLike<unknown>>> | readonly Readonly<Record<string, unknown>>[]
