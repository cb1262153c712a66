/**
 * Where a task stands.
 *
 *   waiting ─claim─▶ active ─complete─▶ done
 *      ▲               │ ├──fail──▶ delayed ─(time)─▶ waiting        another attempt, later
 *      └────release────┘ └──fail──▶ dead                              attempts, deaths or the deadline are used up
 *   waiting, delayed, active ─cancel─▶ cancelled
 *
 * done, dead and cancelled are final: a task reaches one of them once, and never leaves it but by `retry` of a dead one.
 */
export type TaskState = 'waiting' | 'active' | 'delayed' | 'done' | 'dead' | 'cancelled'
export const taskStates: readonly TaskState[] = ['waiting', 'active', 'delayed', 'done', 'dead', 'cancelled']
export const isFinal = (state: TaskState): boolean => state === 'done' || state === 'dead' || state === 'cancelled'

/** Whom to tell when a task is final. */
export interface Webhook {
  readonly url: string
  /** Signs the body, HMAC with SHA-256; undefined leaves it unsigned. */
  readonly secret: string | undefined
}

/** A task as it is handed in. The queue reads nothing of `payload`. */
export interface NewTask {
  /** A UUID of version 7, whose first 48 bits are the time of submission (`createTaskId`): an id that is older than results are kept names what is gone. */
  readonly id: string
  /** The queue it stands in: the model's name. */
  readonly queue: string
  readonly revision: string
  /** 0 to 9; higher goes first. */
  readonly priority: number
  /** The rows, as JSON text. */
  readonly payload: string
  /** Rows in the payload, so that a worker can take tasks by rows; at least 1. */
  readonly rows: number
  readonly submittedMs: number
  /** When it is no longer wanted, since 1970; undefined: never. */
  readonly deadlineMs: number | undefined
  readonly webhook: Webhook | undefined
  /** A key of the client's, good inside one queue, and a digest of what was asked under it. */
  readonly idempotency: { readonly key: string; readonly digest: string } | undefined
}

/** What became of a submission: stored, or the same as one stored before, under its idempotency key or its own id. */
export type Submitted =
  | { readonly kind: 'accepted'; readonly id: string }
  | { readonly kind: 'known'; readonly id: string }
  /** The key was used before, for another request. */
  | { readonly kind: 'conflict'; readonly id: string }

/** Why an attempt failed. */
export interface Failure {
  /** Public code of the error, `MW_…`. */
  readonly code: string
  readonly message: string
  readonly stack: string | undefined
}

/** A task as the queue knows it. */
export interface Task {
  readonly id: string
  readonly queue: string
  readonly revision: string
  readonly priority: number
  readonly rows: number
  readonly state: TaskState
  /** Executions begun. */
  readonly attempts: number
  /** Executions whose worker died. */
  readonly deaths: number
  readonly submittedMs: number
  readonly startedMs: number | undefined
  readonly finishedMs: number | undefined
  readonly deadlineMs: number | undefined
  /** When a delayed task is tried again. */
  readonly retryMs: number | undefined
  /** JSON text, of a task that is done. */
  readonly result: string | undefined
  /** Of the last attempt that failed. */
  readonly failure: Failure | undefined
}

/** A task with what it was asked. */
export interface TaskWithPayload extends Task {
  readonly payload: string
  readonly webhook: Webhook | undefined
}

/**
 * Payloads, or results, that one claim brings: whoever asks for many tasks must not get many pictures at once. The first task of each queue, and the first
 * delivery, is brought even if it is larger.
 */
export const CLAIM_BYTES_MAX = 16 * 1024 * 1024

/** A task in a worker's hands, until it is completed, failed or released, or its lease runs out. */
export interface Claim {
  readonly task: TaskWithPayload
  /** Of this execution alone: what a worker whose lease ran out says about the task is not heard. */
  readonly token: string
}

export interface ClaimRequest {
  /**
   * Queues this worker serves, each with the tasks and rows that it can take now; 0 of either takes none. The first task of a queue is handed out even when
   * it alone has more than `rowsMax` rows, or it would wait for ever; tasks behind one that does not fit are not preferred to it.
   */
  readonly queues: readonly { readonly queue: string; readonly tasksMax: number; readonly rowsMax: number }[]
  /**
   * Suspects this claim may bring, over all its queues: tasks whose worker died with them in hand (`deaths` > 0), any of which may be the cause. 1 when it is
   * not said. A suspect is handed out before the other tasks of its queue, the oldest first whatever its priority, and alone: no other task of that queue
   * comes with it. Suspects that may not be handed out are in nobody's way.
   */
  readonly suspectsMax?: 0 | 1 | undefined
  /** Who asks, for people: host, process, thread. */
  readonly worker: string
}

/** What the queue says to a heart-beat: these claims are no longer the caller's (cancelled, or their lease ran out). */
export interface Heartbeat {
  /** Tokens of those claims. */
  readonly lost: readonly string[]
}

/** A webhook that is due: a task that is final, and whom to tell. It is the caller's for as long as was asked for; then another may take it. */
export interface Delivery {
  readonly task: Task
  readonly webhook: Webhook
  /** Deliveries tried before. */
  readonly attempts: number
  readonly token: string
}

export interface TaskFilter {
  readonly queue?: string | undefined
  readonly states?: readonly TaskState[] | undefined
  readonly limit: number
  /** Tasks after this one, in the order of the list: newest first. */
  readonly after?: string | undefined
}

export interface QueueStats {
  readonly queue: string
  readonly waiting: number
  readonly active: number
  readonly delayed: number
  readonly dead: number
  /** When the oldest waiting task was submitted; undefined when none waits. */
  readonly oldestWaitingMs: number | undefined
}

/**
 * What became of a task, or of an attempt: `submitted` and `done` once each; `refused` because `tasksMax` were unfinished or `bytesMax` were kept; `retried` after an attempt that
 * failed or a worker that died; the end as `dead` (its attempts failed), `expired` (its deadline passed), `poisoned` (its workers died) or `cancelled`.
 */
export type TaskOutcome = 'submitted' | 'refused' | 'done' | 'retried' | 'dead' | 'expired' | 'poisoned' | 'cancelled'
export const taskOutcomes: readonly TaskOutcome[] = ['submitted', 'refused', 'done', 'retried', 'dead', 'expired', 'poisoned', 'cancelled']

/** How the queue treats every task. */
export interface QueueOptions {
  /** Executions that fail before a task is dead; those whose worker died are not among them. */
  readonly attemptsMax: number
  /** Executions whose worker died before a task is dead, for it is likely their cause. */
  readonly deathsMax: number
  /** First wait before another attempt; it doubles each time, up to `retryDelayMsMax`, and each is drawn between half of it and the whole. */
  readonly retryDelayMs: number
  readonly retryDelayMsMax: number
  /** How long a claim holds without a heart-beat. */
  readonly leaseMs: number
  /** How long a final task and its result are kept. */
  readonly resultsMs: number
  /** How long a dead task is kept. */
  readonly deadMs: number
  /** How long an idempotency key is remembered. */
  readonly idempotencyMs: number
  /** Most tasks that wait, are delayed or active, over all queues; further ones are refused. */
  readonly tasksMax: number
  /** Most bytes that are kept, payloads and results of ended tasks among them; further tasks are refused. Of Redis, its own `maxmemory` says so. */
  readonly bytesMax: number
  /** Deliveries of a webhook that fail before it is given up, and the first wait between them, doubled each time up to an hour. */
  readonly webhookAttemptsMax: number
  readonly webhookDelayMs: number
}

/**
 * A durable queue of tasks, one lane for each model. Whatever a promise of it resolves to is on disk (or in Redis, as durable as that was set up to be).
 *
 * Every accepted task is executed at least once, ends exactly once, and has exactly one result. Inside a lane: higher priorities first, though not for
 * ever (one claim in eight goes to the oldest whatever its priority), and first come, first served. Lanes take turns. Suspects stand in a line of their own,
 * see `ClaimRequest`: who never holds two of them in one process lets no poisonous task bury another.
 *
 * All methods throw MW_QUEUE_UNAVAILABLE when the store cannot be reached or written (a full disk); what was not acknowledged may be sent again.
 */
export interface TaskQueue {
  /**
   * Stores a task. Concurrent calls share a transaction.
   * @throws MW_QUEUE_FULL when `tasksMax` are unfinished, or `bytesMax` are kept.
   */
  submit(task: NewTask): Promise<Submitted>
  /** @returns undefined for an id that is not stored: never was, or its result was kept long enough. */
  get(id: string): Promise<Task | undefined>
  getWithPayload(id: string): Promise<TaskWithPayload | undefined>
  /** Calls back after each change of the task's state, in this process or another. @returns what ends it. */
  watch(id: string, onChange: () => void): () => void
  /** @returns 'cancelled' also when it was already; 'final' when it is done or dead; 'unknown' when it is not stored. */
  cancel(id: string): Promise<'cancelled' | 'final' | 'unknown'>
  /** Newest first; without their results, for a page of those could fill the memory. */
  list(filter: TaskFilter): Promise<readonly Task[]>

  /**
   * Takes tasks; may be empty. Tasks past their deadline are not handed out: they become dead with MW_TASK_EXPIRED. Tasks whose lease ran out are taken
   * back first: their worker died, they wait again, or are dead with MW_TASK_POISONED after `deathsMax`.
   */
  claim(request: ClaimRequest): Promise<readonly Claim[]>
  /** Says that these are still being worked on. */
  heartbeat(claims: readonly Claim[]): Promise<Heartbeat>
  /** Stores the result, once. @param result - JSON text. @returns 'lost' when the claim was no longer the caller's; nothing was stored then. */
  complete(claim: Claim, result: string): Promise<'stored' | 'lost'>
  /** @param final - No other attempt would help: dead at once. So it is when the next attempt would come after the deadline. */
  fail(claim: Claim, failure: Failure, options: { readonly final: boolean }): Promise<'delayed' | 'dead' | 'lost'>
  /** The execution took its worker with it (a thread that crashed or hung): counted as a death, and tried again or dead with MW_TASK_POISONED. */
  died(claim: Claim, failure: Failure): Promise<'delayed' | 'dead' | 'lost'>
  /** Puts tasks back where they were, as if never claimed. */
  release(claims: readonly Claim[]): Promise<void>
  /** Calls back when tasks or deliveries may be waiting, in this process or another; also now and then without cause. @returns what ends it. */
  onWork(listener: () => void): () => void

  /**
   * Takes webhooks that are due, those first that are so longest. Each is delivered at least once.
   * @param options.holdMs - For how long they are the caller's, longer than a delivery takes: there are no heart-beats for them. `leaseMs` when left out.
   */
  claimDeliveries(max: number, options?: { readonly holdMs?: number }): Promise<readonly Delivery[]>
  delivered(delivery: Delivery): Promise<void>
  /** @returns 'given_up' after `webhookAttemptsMax`; 'delayed' also when it was no longer the caller's, and nothing was noted. */
  undelivered(delivery: Delivery, reason: string): Promise<'delayed' | 'given_up'>

  /** Calls back with what becomes of tasks by the hand of this handle, so that over all processes each is told once. @returns what ends it. */
  onOutcome(listener: (queue: string, outcome: TaskOutcome) => void): () => void
  /** Every queue that holds tasks. */
  stats(): Promise<readonly QueueStats[]>
  /** Gives dead tasks all their attempts again, and takes their deadline from them. @returns how many. */
  retry(ids: readonly string[] | { readonly queue: string | undefined }): Promise<number>
  /** Deletes tasks in these states, waiting and final ones; active ones are cancelled first by whoever wants them gone. @returns how many. */
  purge(filter: { readonly queue: string | undefined; readonly states: readonly Exclude<TaskState, 'active'>[] }): Promise<number>

  /** Ends what runs for the queue; promises under way are settled first. */
  close(): Promise<void>
}
