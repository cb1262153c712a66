import type { Histogram, Registry } from '../../../instrument/index.ts'
import type { Column, Columns, ModelSchema, Observer, QualityTracker, ReadRows } from '../../../watch/index.ts'
import type { ModelThreads, PredictOptions } from '../runtimes/contract.ts'

export interface AskOptions extends PredictOptions {
  /** Looked at before the rows cost a call; an AbortSignal is one. */
  readonly signal?: { readonly aborted: boolean } | undefined
  /** Whoever bounds its own requests, as a worker does, is not refused for a long wait. */
  readonly isPatient?: boolean | undefined
}

/** Rows answered, and where their time went. */
export interface Predicted {
  /** By output, in the schema's order. */
  readonly outputs: readonly Column[]
  /** Waiting because the model was busy. */
  readonly queueMs: number
  /** Waiting for others to share the call. */
  readonly batchMs: number
  /** In the model. */
  readonly computeMs: number
}

/** One revision of a model in service: what reads its rows, runs it and watches it. */
export interface ServedRevision {
  readonly schema: ModelSchema
  readonly revision: string
  /** Whether there is a reference profile to judge it by. */
  readonly watched: boolean
  /** A row like those of the training data, for the API page. */
  readonly exampleRow: Readonly<Record<string, unknown>>
  readRows(rows: readonly unknown[]): ReadRows
  /**
   * Rows of requests that wait at the same time share calls of the model.
   * @throws MW_GATEWAY_BUSY when too many rows wait or the deadline would pass; MW_GATEWAY_STOPPING after unload began; MW_MODEL_FAILED and what the runtime throws.
   */
  predict(columns: Columns, options?: AskOptions): Promise<Predicted>
  readonly observer: Observer
  readonly quality: QualityTracker
  /** Series that go when the revision goes. */
  readonly registry: Registry
  /** Time taken to write an answer. */
  readonly encodeDuration: Histogram
  /** Calls of the model that can make progress at the same time. */
  readonly concurrency: number
  readonly threads: ModelThreads | undefined
  /** Whoever began a request with it ends it with it: it is not unloaded between `enter` and `leave`. */
  enter(): void
  leave(): void
}

/** What a request says about where it wants to go; nothing: wherever the split sends it. */
export interface Route {
  /** Requests with the same key go to the same revision as long as the split stays as it is, and few move when it changes. */
  readonly key?: string | undefined
  readonly tag?: string | undefined
  readonly revision?: string | undefined
}

/** A model in service: its revisions, and how its traffic is shared between them. */
export interface ServedModel {
  readonly schema: ModelSchema
  /** @throws MW_REVISION_UNKNOWN or MW_TAG_UNKNOWN when it is asked for by a name that has no revision in service. */
  choose(route: Route): ServedRevision
  /** A revision by name for a task that was submitted for it; loaded when it is not in service any more, and unloaded again when it is no longer asked for. @throws what loading throws. */
  revision(name: string): Promise<ServedRevision>
  /** What a prediction's label is joined with, also when its revision has left; undefined when it was not made here. */
  trackerOf(predictionId: string): QualityTracker | undefined
  /**
   * Offers the rows of a request that has been answered to the shadow, if there is one, and if it is not what answered. Returns at once.
   * @param answered - The outputs of the answer.
   */
  mirror(read: ReadRows, answered: readonly Column[], by: ServedRevision): void
  /** Revisions in service with their share of the traffic, percent, and their tags. */
  revisions(): readonly { readonly served: ServedRevision; readonly percent: number; readonly tags: readonly string[] }[]
}

/** Every model of a folder, kept as the traffic wants it. */
export interface ModelHost {
  readonly models: readonly ServedModel[]
  get(name: string): ServedModel | undefined
  close(): Promise<void>
}
