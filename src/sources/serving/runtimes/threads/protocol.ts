import type { MessagePort } from 'node:worker_threads'
import type { Column, Columns, ModelSchema } from '../../../../watch/index.ts'
import type { PackedColumns } from './pack.ts'
import type { WireError } from './wire-error.ts'

/** What a thread is given when it begins. Calls go by a port of their own: the thread's usual one is the model's code's, or its libraries', to use. */
export interface ThreadStart {
  readonly task: ThreadTask
  readonly port: MessagePort
  /** Calls that the thread has begun, shared: a call that it did not live to begin is not to blame for its death. */
  readonly begun: Int32Array<SharedArrayBuffer>
}

/** What a thread is for. */
export interface ThreadTask {
  /** The runtime whose model it holds. */
  readonly runtime: 'onnx' | 'typescript'
  readonly modelPath: string
  readonly schema: ModelSchema
  readonly settings: unknown
}

/** One copy of a model, inside its thread. It is called once at a time. */
export interface ThreadCopy {
  /** @param deadlineMs - On the clock of the thread's `performance.now()`. */
  predict(columns: Columns, deadlineMs: number | undefined): Promise<readonly Column[]>
  unload(): Promise<void>
}

/** To the thread. */
export type ThreadRequest =
  /** Time that is left of the deadline: clocks of two threads begin at different times. */
  { readonly kind: 'predict'; readonly columns: PackedColumns; readonly leftMs: number | undefined } | { readonly kind: 'end' }

/** From the thread; a request has one answer. */
export type ThreadReply =
  | { readonly kind: 'log'; readonly stream: 'stdout' | 'stderr'; readonly line: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'unready'; readonly error: WireError }
  | { readonly kind: 'answer'; readonly columns: PackedColumns; readonly computeMs: number }
  | { readonly kind: 'failed'; readonly error: WireError }
  | { readonly kind: 'ended' }
