import type { TSchema } from 'typebox'
import type { Column, Columns, ModelSchema } from '../../../watch/index.ts'

export interface PredictOptions {
  /** When the answer is no longer wanted, on the clock of `performance.now()`; undefined: whenever it comes. Passed down as far as the model can hear it. */
  readonly deadlineMs?: number | undefined
}

/** A model in memory, ready to answer. */
export interface LoadedModel {
  /**
   * Predicts rows together. Columns are the caller's until the promise settles; the model neither keeps nor changes them.
   * @returns by output, in the schema's order: one value a row (a row's values one after the other where the output has a shape); NaN where the model gave no number.
   * @throws when the model itself fails; no row of the batch is answered then. MW_INPUT_UNFIT for a value that it cannot compute with;
   *   MW_MODEL_TIMEOUT when it took too long; MW_MODEL_DIED when it took its thread with it. Without having reached the model:
   *   MW_DEADLINE_PASSED, MW_MODEL_BUSY when too many calls wait, MW_MODEL_DOWN when it keeps dying or is unloaded.
   */
  predict(columns: Columns, options?: PredictOptions): Promise<readonly Column[]>
  /** Calls that can make progress at the same time; further ones wait for each other. At least 1; may change. */
  readonly concurrency: number
  /** False where a call may have effects: rows of one that failed are not sent again, and so rows of several requests do not share one. True where left out. */
  readonly repeatable?: boolean
  /** Threads that run copies of the model; undefined where it has none of its own to count. */
  readonly threads: ModelThreads | undefined
  /** Lets calls under way end first. Further calls fail; unloading twice is unloading once. */
  unload(): Promise<void>
}

export interface ModelThreads {
  readonly count: number
  /**
   * Starts or ends threads, one after the other; those that end finish their call first. Calls of it wait for each other.
   * @param count - at least 1.
   * @throws what loading throws when a thread could not be started; those that were are kept.
   */
  resize(count: number): Promise<void>
}

/** What happened to a model outside of any answer, for counters and the log. */
export type RuntimeEvent =
  | { readonly kind: 'thread_died'; readonly reason: 'crash' | 'timeout' | 'memory'; readonly message: string }
  /** A call was refused with MW_MODEL_BUSY: as many wait as may. */
  | { readonly kind: 'shed'; readonly message: string }
  /** A line that the model's code printed, without its end; longer ones come in pieces. */
  | { readonly kind: 'log'; readonly stream: 'stdout' | 'stderr'; readonly line: string }
  | { readonly kind: 'circuit'; readonly state: 'open' | 'half_open' | 'closed'; readonly message: string }

export interface LoadContext {
  /** The `runtime:` block of revision.yaml, checked against the runtime's `settings`, defaults filled in. */
  readonly settings: unknown
  /**
   * Where calls run. `inline`: short ones on the event loop, long ones in a thread, as a gateway wants it, where a message to a thread costs more than a small model.
   * `threads`: all in threads, as a worker wants it, whose heart must beat meanwhile.
   */
  readonly placement: 'inline' | 'threads'
  /** Threads to begin with where calls run in threads; at least 1. */
  readonly threads: number
  /** The program of a model's thread: `threads/main.ts`, or what it was built into. */
  readonly threadFile: URL
  onEvent(event: RuntimeEvent): void
}

/** A way to run models of one kind. */
export interface Runtime {
  readonly name: string
  /** Files in a revision's folder by which the runtime knows that the model is its own, the preferred one first. */
  readonly modelFiles: readonly string[]
  /** What revision.yaml may set under `runtime:`; every key has a default. */
  readonly settings: TSchema
  /**
   * Loads a model, holds it against the schema, and runs it once so that the first client does not wait.
   * @throws MW_MODEL_UNREADABLE, MW_MODEL_MISMATCH or MW_RUNTIME_MISSING; MW_CONFIG_INVALID for a file of settings that is wrong; MW_UPSTREAM_UNAVAILABLE,
   *   MW_UPSTREAM_BUSY or MW_MODEL_TIMEOUT where the model is a server that does not answer.
   */
  load(modelPath: string, schema: ModelSchema, context: LoadContext): Promise<LoadedModel>
}
