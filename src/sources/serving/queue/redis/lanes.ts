import type { Job, Queue, Worker } from 'bullmq'
import type { Redis } from 'ioredis'
import { assertNever } from '../../../../core/errors.ts'

/**
 * A task's place in BullMQ. It says that something is to be done about the task and no more; what, says the task's record.
 */
export interface Ticket {
  readonly lane: string
  /** Made by `ticketName`, unless it is another program's. */
  readonly name: string
}

/**
 * A task that is begun anew by hand gets a ticket of the next generation, for the old one may just be on its way out; so does one that is stored again under
 * an id that was purged, for generations begin with the time. The scripts make names the same way.
 */
export const ticketName = (id: string, generation: string): string => `${id}.${generation}`

/** What is to become of a ticket that is in somebody's hands, under the token of its lock. */
export type Fate =
  | { readonly kind: 'drop' }
  | { readonly kind: 'back' }
  /** @param waitMs - From now. */
  | { readonly kind: 'later'; readonly waitMs: number }

export interface TakenTicket extends Ticket {
  readonly token: string
}

export interface LaneSettings {
  readonly prefix: string
  /** How long a ticket taken is locked. */
  readonly lockMs: number
  /** Where BullMQ reports what went wrong in the background. */
  onError(error: Error): void
}

interface Lane {
  readonly queue: Queue
  /** Takes tickets by hand; no loop of its own. Made by the first who takes. */
  worker: Worker | undefined
}

type BullMq = typeof import('bullmq')

/** Events that BullMQ keeps of each lane; nobody here reads them. */
const EVENTS_MAX = 1000
/** BullMQ serves 1 first; 0 stands before all of them and is kept for those whose turn it is by age. */
const priorityOf = (priority: number) => 10 - priority
/** BullMQ parts keys with colons. */
const queueNameOf = (lane: string) => lane.replaceAll('%', '%25').replaceAll(':', '%3A')

/**
 * The lanes as BullMQ queues, one for each model. All of them use one connection, and each method sends its commands in one go.
 * What fails here is put right by whoever comes across the ticket next: the record decides.
 */
export class Lanes {
  readonly #bull: BullMq
  readonly #client: Redis
  readonly #settings: LaneSettings
  readonly #lanes = new Map<string, Lane>()

  static async open(client: Redis, settings: LaneSettings): Promise<Lanes> {
    return new Lanes(await import('bullmq'), client, settings)
  }

  constructor(bull: BullMq, client: Redis, settings: LaneSettings) {
    this.#bull = bull
    this.#client = client
    this.#settings = settings
  }

  /** Puts tickets in; one that is there already stays as it is. */
  async add(tickets: readonly (Ticket & { readonly priority: number; readonly waitMs: number })[]): Promise<void> {
    const byLane = Map.groupBy(tickets, ({ lane }) => lane)
    await Promise.all(
      [...byLane].map(([lane, ofLane]) =>
        this.#lane(lane).queue.addBulk(
          ofLane.map((ticket) => ({
            name: 'task',
            data: null,
            opts: { jobId: ticket.name, priority: priorityOf(ticket.priority), delay: ticket.waitMs },
          })),
        ),
      ),
    )
  }

  /** BullMQ's own keys of a lane: those that tell which tickets come next, and what stands before a ticket's name in the key of its own. */
  keysOf(lane: string): { readonly wait: string; readonly prioritized: string; readonly ticket: string } {
    const { queue } = this.#lane(lane)
    return { wait: queue.toKey('wait'), prioritized: queue.toKey('prioritized'), ticket: queue.toKey('') }
  }

  /**
   * Takes up to `count` tickets, those named in `first` before all others.
   * @param tokenOf - A fresh token for each.
   */
  async take(lane: string, count: number, first: readonly string[], tokenOf: () => string): Promise<TakenTicket[]> {
    const { queue } = this.#lane(lane)
    const worker = this.#worker(lane)
    // Sent in this order on one connection, so they arrive in it. Last in goes first among those of priority 0, therefore the oldest last.
    const raised = first.toReversed().map((name) => this.#job(queue, name).changePriority({ priority: 0, lifo: true }).catch(isGone))
    const answers = await Promise.allSettled(Array.from({ length: count }, () => worker.getNextJob(tokenOf(), { block: false })))
    await Promise.all(raised)
    const jobs = answers.flatMap((answer) => (answer.status === 'fulfilled' && answer.value !== undefined ? [answer.value] : []))
    const failed = answers.find(({ status }) => status === 'rejected')
    // Tickets that were taken before the connection broke are taken all the same.
    if (jobs.length === 0 && failed?.status === 'rejected') throw failed.reason
    for (const job of jobs) if (job.priority === 0) this.#lower(queue, job)
    return jobs.map((job) => ({ lane, name: job.id ?? '', token: job.token ?? '' }))
  }

  /** Keeps tickets locked. One whose lock is gone comes up again, and is put off by its record. */
  async keep(tickets: readonly TakenTicket[]): Promise<void> {
    await Promise.all(
      tickets.map(({ token, ...ticket }) =>
        this.#job(this.#lane(ticket.lane).queue, ticket.name).extendLock(token, this.#settings.lockMs).catch(isGone),
      ),
    )
  }

  /** Lets go of a ticket in somebody's hands; when it is there no longer, that is well too. */
  async settle({ token, ...ticket }: TakenTicket, fate: Fate): Promise<void> {
    const { queue } = this.#lane(ticket.lane)
    const job = this.#job(queue, ticket.name)
    switch (fate.kind) {
      case 'drop':
        return job.moveToCompleted(null, token, false).then(
          () => {},
          () => this.remove([ticket]),
        )
      case 'back':
        return job.moveToWait(token).then(() => {}, isGone)
      case 'later':
        return job.moveToDelayed(bullNow(job) + fate.waitMs, token).catch(isGone)
      default:
        return assertNever(fate)
    }
  }

  /** Takes tickets out that are in nobody's hands. */
  async remove(tickets: readonly Ticket[]): Promise<void> {
    await Promise.all(tickets.map((ticket) => this.#lane(ticket.lane).queue.remove(ticket.name)))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lanes.values()].flatMap(({ queue, worker }) => [worker?.close(true), queue.close()]))
  }

  /** Grows with the lanes that this process submits to or serves: its models. */
  #lane(name: string): Lane {
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      const queue = new this.#bull.Queue(queueNameOf(name), {
        connection: this.#client,
        prefix: this.#settings.prefix,
        skipVersionCheck: true,
        streams: { events: { maxLen: EVENTS_MAX } },
        defaultJobOptions: { removeOnComplete: true, removeOnFail: true, attempts: 1 },
      })
      queue.on('error', (error) => this.#settings.onError(error))
      lane = { queue, worker: undefined }
      this.#lanes.set(name, lane)
    }
    return lane
  }

  #worker(name: string): Worker {
    const lane = this.#lane(name)
    if (lane.worker === undefined) {
      const { lockMs, prefix } = this.#settings
      lane.worker = new this.#bull.Worker(
        queueNameOf(name),
        null,
        {
          connection: this.#client,
          prefix,
          skipVersionCheck: true,
          autorun: false,
          lockDuration: lockMs,
          stalledInterval: lockMs,
          // Deaths are counted in the record.
          maxStalledCount: Number.MAX_SAFE_INTEGER,
        },
        // Never blocks, so it needs no second connection.
        (queueName, options) => this.#bull.createRedisBackend(queueName, options, {}),
      )
      lane.worker.on('error', (error) => this.#settings.onError(error))
      void lane.worker.startStalledCheckTimer()
    }
    return lane.worker
  }

  /** A ticket that was raised gets the priority back that it came with, or it would keep its place when it comes again. */
  #lower(queue: Queue, { id, opts }: Job): void {
    this.#job(queue, id ?? '')
      .changePriority({ priority: opts.priority ?? 0 })
      .catch(isGone)
      .catch(this.#settings.onError)
  }

  #job(queue: Queue, name: string): Job {
    return new this.#bull.Job(queue, 'task', null, { removeOnComplete: true, attempts: 1 }, name)
  }
}

/** BullMQ reckons delays from its own reading of the clock, which a new job carries. */
const bullNow = (job: Job) => job.timestamp

/** The ticket is no longer where it was, or its lock is another's: whoever has it now has read the record. BullMQ says so by a number. */
function isGone(error: unknown): undefined {
  if (error instanceof Error && typeof (error as { code?: unknown }).code === 'number') return undefined
  throw error
}
