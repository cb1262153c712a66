import type { Random } from '../../../core/random.ts'
import type { Clock } from '../../../core/time.ts'
import type { Registry } from '../../../instrument/index.ts'
import type { Column } from '../../../watch/index.ts'
import type { ModelHost, ServedRevision } from '../models/contract.ts'
import type { Task, TaskQueue } from '../queue/contract.ts'
import type { WorkConfig } from './config.ts'

/** Takes tasks from the queue, runs them, and delivers webhooks. */
export interface Worker {
  /** Begins to take tasks. */
  start(): void
  /** Takes no more, and waits for what is in hand, at most `stop_timeout`; the rest goes back to the queue. Further calls wait for the first. */
  drain(): Promise<void>
  /** Drains, and ends what runs for the worker. Neither host nor queue are closed. */
  close(): Promise<void>
}

export interface WorkerOptions {
  readonly config: WorkConfig
  /** The queue's own: a claim without a heart-beat holds this long. */
  readonly leaseMs: number
  /** Most rows of one call of a model. */
  readonly batchRowsMax: number
  /** Most threads where the configuration names no bound: the machine's processors. */
  readonly processors: number
  /** Work of one model to keep in hand, as the time it takes: long enough that the model never waits for the queue, short enough that others do not wait for it. */
  readonly laneWorkMs: number
  /** Who asks the queue, for people: host and process. */
  readonly name: string
}

export interface WorkerDeps {
  readonly queue: TaskQueue
  readonly host: ModelHost
  readonly registry: Registry
  readonly clock: Clock
  readonly random: Random
  /** Body of the webhook about a task that is final: as the gateway answers when it is asked for the task. */
  readonly webhookBody: (task: Task) => string
  /** Told of what needs an eye, once for each streak of faults. */
  onError(error: unknown, context: Readonly<Record<string, unknown>>): void
}

/** Writes a result: `{"predictions":[{"prediction_id","outputs"}]}`, one for each row in their order. */
export type ResultWriter = (served: ServedRevision, outputs: readonly Column[], rows: number, nowMs: number) => string
