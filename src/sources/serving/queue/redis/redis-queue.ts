import { randomUUID } from 'node:crypto'
import {
  CLAIM_BYTES_MAX,
  type Claim,
  type ClaimRequest,
  type Delivery,
  type Failure,
  type Heartbeat,
  type NewTask,
  type QueueOptions,
  type QueueStats,
  type Submitted,
  type Task,
  type TaskFilter,
  type TaskOutcome,
  type TaskQueue,
  type TaskState,
  type TaskWithPayload,
  taskStates,
} from '../contract.ts'
import { queueErrors } from '../errors.ts'
import { Background } from './background.ts'
import { Claimer } from './claimer.ts'
import type { CallScript } from './commands.ts'
import { Gather } from './gather.ts'
import { type Lanes, type Ticket, ticketName } from './lanes.ts'
import type { Link } from './link.ts'
import { fromFailure, type Reply, type ReplyRow, toTask, toTaskWithPayload, webhookOf } from './records.ts'
import { MEMORY_RATIO_MAX } from './scripts/submit.ts'
import type { Signals } from './signals.ts'
import { batchLimits, Submitter } from './submitter.ts'
import { PIECE_MAX, Upkeep } from './upkeep.ts'

export interface RedisQueueParts {
  readonly options: QueueOptions
  readonly link: Link
  readonly call: CallScript
  readonly lanes: Lanes
  readonly signals: Signals
  /** Hears what went wrong where nobody waits for an answer. */
  onError(error: unknown): void
}

/** Time between two rounds of what is to be done now and then. */
const CARE_MS = 1000

const claimArgs = ({ task, token }: Claim) => [task.id, executionOf(token)]
/** A claim's token is the generation of its ticket and the token of the execution, which is the ticket's lock as well. */
const executionOf = (token: string) => token.slice(token.indexOf('.') + 1)
/** Claimed as a suspect, so without a ticket. */
const isSuspect = ({ task }: Claim) => task.deaths > 0
const ticketOf = ({ task, token }: Claim) => ({
  lane: task.queue,
  name: ticketName(task.id, token.slice(0, Math.max(0, token.indexOf('.')))),
  token: executionOf(token),
})

/** Tasks in Redis or Valkey; README.md tells how, and why each order of steps loses nothing. */
export class RedisQueue implements TaskQueue {
  readonly #parts: RedisQueueParts
  readonly #background: Background
  readonly #claimer: Claimer
  readonly #submitter: Submitter
  readonly #upkeep: Upkeep
  readonly #completes: Gather<{ readonly claim: Claim; readonly result: string }, 'stored' | 'lost'>
  readonly #outcomeListeners = new Set<(queue: string, outcome: TaskOutcome) => void>()
  #careTimer: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(parts: RedisQueueParts) {
    this.#parts = parts
    this.#background = new Background(parts.onError)
    const tell = (queue: string, outcome: TaskOutcome) => this.#tell(queue, outcome)
    this.#claimer = new Claimer({ ...parts, background: this.#background, tell })
    this.#upkeep = new Upkeep({ ...parts, claimer: this.#claimer, background: this.#background })
    this.#submitter = new Submitter({ ...parts, ticketed: (ids) => this.#upkeep.ticketed(ids) })
    this.#completes = new Gather({ ...batchLimits, weightOf: ({ result }) => result.length }, (items) => this.#completeAll(items))
    this.#careLater()
  }

  async submit(task: NewTask): Promise<Submitted> {
    const answer = await this.#during(() => this.#submitter.submit(task))
    if (answer.kind === 'accepted') this.#tell(task.queue, 'submitted')
    if (answer.kind !== 'full' && answer.kind !== 'crowded') return answer
    this.#tell(task.queue, 'refused')
    throw queueErrors.MW_QUEUE_FULL(
      answer.kind === 'full'
        ? `${this.#parts.options.tasksMax} tasks are unfinished, as many as the queue holds`
        : `more than ${MEMORY_RATIO_MAX} of the memory that Redis may use (maxmemory) is in use`,
    )
  }

  async get(id: string): Promise<Task | undefined> {
    const row = await this.#run('get', [id, 0])
    return row === null ? undefined : toTask(row as ReplyRow)
  }

  async getWithPayload(id: string): Promise<TaskWithPayload | undefined> {
    const row = await this.#run('get', [id, 1])
    return row === null ? undefined : toTaskWithPayload(row as ReplyRow)
  }

  watch(id: string, onChange: () => void): () => void {
    return this.#parts.signals.onChange(id, onChange)
  }

  onWork(listener: () => void): () => void {
    return this.#parts.signals.onWork(listener)
  }

  onOutcome(listener: (queue: string, outcome: TaskOutcome) => void): () => void {
    const own = (queue: string, outcome: TaskOutcome) => listener(queue, outcome)
    this.#outcomeListeners.add(own)
    return () => this.#outcomeListeners.delete(own)
  }

  async cancel(id: string): Promise<'cancelled' | 'final' | 'unknown'> {
    const [answer, changed, lane, ticket, token] = (await this.#run('cancel', [id])) as [string, number?, string?, string?, string?]
    if (answer !== 'cancelled') return answer === 'final' ? 'final' : 'unknown'
    if (changed === 1) {
      this.#tell(lane!, 'cancelled')
      this.#drop({ lane: lane!, name: ticket! }, token!)
    }
    return 'cancelled'
  }

  async list({ queue, states = taskStates, limit, after }: TaskFilter): Promise<readonly Task[]> {
    const tasks: Task[] = []
    while (tasks.length < limit) {
      const count = Math.min(PIECE_MAX, limit - tasks.length)
      const last = tasks.at(-1)?.id ?? after ?? ''
      const page = ((await this.#run('list', [count, last, queue ?? '', ...states])) as ReplyRow[]).map(toTask)
      tasks.push(...page)
      if (page.length < count) break
    }
    return tasks
  }

  claim(request: ClaimRequest): Promise<readonly Claim[]> {
    return this.#during(() => this.#claimer.claim(request))
  }

  async heartbeat(claims: readonly Claim[]): Promise<Heartbeat> {
    if (claims.length === 0) return { lost: [] }
    const holds = (await this.#run('heartbeat', claims.flatMap(claimArgs))) as number[]
    const withTickets = claims.filter((claim, i) => holds[i] === 1 && !isSuspect(claim))
    this.#background.add(this.#parts.lanes.keep(withTickets.map(ticketOf)))
    return { lost: claims.filter((_, i) => holds[i] !== 1).map(({ token }) => token) }
  }

  async complete(claim: Claim, result: string): Promise<'stored' | 'lost'> {
    const answer = await this.#during(() => this.#completes.add({ claim, result }))
    // A ticket that is no longer the caller's may be all that brings the task to another worker: it is left alone.
    if (answer === 'lost') return answer
    this.#tell(claim.task.queue, 'done')
    this.#dropTicket(claim)
    // Tickets leave BullMQ behind the caller's back, but not more slowly than they come.
    await this.#background.room()
    return answer
  }

  async #completeAll(items: readonly { readonly claim: Claim; readonly result: string }[]): Promise<('stored' | 'lost')[]> {
    const { link, call } = this.#parts
    const args = items.flatMap(({ claim, result }) => [...claimArgs(claim), result])
    const stored = (await link.run((again) => call('complete', [again ? 1 : 0, ...args]))) as number[]
    return stored.map((one) => (one === 1 ? 'stored' : 'lost'))
  }

  fail(claim: Claim, failure: Failure, { final }: { readonly final: boolean }): Promise<'delayed' | 'dead' | 'lost'> {
    return this.#end(claim, failure, final ? 'final' : 'failed')
  }

  died(claim: Claim, failure: Failure): Promise<'delayed' | 'dead' | 'lost'> {
    return this.#end(claim, failure, 'died')
  }

  #end(claim: Claim, failure: Failure, kind: 'failed' | 'final' | 'died'): Promise<'delayed' | 'dead' | 'lost'> {
    const { link, call, lanes } = this.#parts
    return this.#during(async () => {
      const args = [...claimArgs(claim), fromFailure(failure), kind, Math.random()]
      const [answer, waitMs, keepsTicket] = (await link.run((again) => call('fail', [again ? 1 : 0, ...args]))) as [string, number, number?]
      if (answer === 'delayed') {
        this.#tell(claim.task.queue, 'retried')
        // Should this fail, the ticket comes up when its lock is gone, and is put off then.
        if (keepsTicket === 1) await lanes.settle(ticketOf(claim), { kind: 'later', waitMs }).catch(this.#parts.onError)
        else this.#dropTicket(claim)
        return 'delayed'
      }
      if (answer === 'lost') return 'lost'
      this.#dropTicket(claim)
      this.#tell(claim.task.queue, answer === 'poisoned' ? 'poisoned' : 'dead')
      return 'dead'
    })
  }

  async release(claims: readonly Claim[]): Promise<void> {
    const held = claims.map((claim) => ({ id: claim.task.id, ticket: ticketOf(claim), isSuspect: isSuspect(claim) }))
    if (held.length > 0) await this.#during(() => this.#claimer.release(held))
  }

  async claimDeliveries(max: number, { holdMs = this.#parts.options.leaseMs } = {}): Promise<readonly Delivery[]> {
    const token = randomUUID()
    const answers = (await this.#run('claimHooks', [Math.min(max, PIECE_MAX), token, holdMs, CLAIM_BYTES_MAX])) as [ReplyRow, number][]
    return answers.map(([row, attempts]) => ({ task: toTask(row), webhook: webhookOf(row)!, attempts, token }))
  }

  async delivered({ task, token }: Delivery): Promise<void> {
    await this.#run('delivered', [task.id, token])
  }

  async undelivered({ task, token }: Delivery, reason: string): Promise<'delayed' | 'given_up'> {
    return (await this.#run('undelivered', [task.id, token, reason, Math.random()])) === 'given_up' ? 'given_up' : 'delayed'
  }

  stats(): Promise<readonly QueueStats[]> {
    return this.#during(() => this.#upkeep.stats())
  }

  retry(which: readonly string[] | { readonly queue: string | undefined }): Promise<number> {
    return this.#during(() => ('queue' in which ? this.#upkeep.retryAll(which.queue) : this.#upkeep.retry(which)))
  }

  purge({ queue, states }: { readonly queue: string | undefined; readonly states: readonly TaskState[] }): Promise<number> {
    return this.#during(() => this.#upkeep.purge(queue, states))
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { link, lanes, signals } = this.#parts
    clearTimeout(this.#careTimer)
    signals.close()
    await this.#background.ended()
    await lanes.close().catch(this.#parts.onError)
    link.close()
  }

  /** What is to be done now and then, by whichever process comes first. */
  #careLater(): void {
    this.#careTimer = setTimeout(
      async () => {
        if (this.#parts.link.client.status === 'ready') {
          await this.#during(() => this.#upkeep.care()).catch(this.#parts.onError)
        }
        if (this.#closing === undefined) this.#careLater()
      },
      CARE_MS * (0.5 + Math.random()),
    ).unref()
  }

  /** The execution that had the ticket has ended. */
  #dropTicket(claim: Claim): void {
    if (!isSuspect(claim)) this.#drop(ticketOf(claim), executionOf(claim.token))
  }

  #drop(ticket: Ticket, token: string): void {
    const { lanes } = this.#parts
    this.#background.add(token === '' ? lanes.remove([ticket]) : lanes.settle({ ...ticket, token }, { kind: 'drop' }))
  }

  #tell(queue: string, outcome: TaskOutcome): void {
    for (const listener of this.#outcomeListeners) listener(queue, outcome)
  }

  #run(...[name, args]: Parameters<CallScript>): Promise<Reply> {
    return this.#during(() => this.#parts.link.run(() => this.#parts.call(name, args)))
  }

  /** Whatever begins before the queue is closed is settled before it is. */
  async #during<T>(act: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw queueErrors.MW_QUEUE_UNAVAILABLE('the queue is closed')
    return this.#background.track(act())
  }
}
