import { MS_PER_SECOND } from '../../../core/time.ts'
import type { Counter } from '../../../instrument/index.ts'
import type { Claim } from '../queue/contract.ts'
import type { ResultWriter, WorkerDeps } from './contract.ts'
import { type Ended, execute } from './execution.ts'
import { workerFamilies as families } from './families.ts'
import type { Hand, Hands } from './hands.ts'
import type { Lane } from './lane.ts'
import { settle } from './settle.ts'

type Outcome = 'done' | 'failed' | 'refused' | 'died' | 'lost' | 'released'

export interface TaskRunnerOptions {
  readonly timeoutMs: number
  readonly leaseMs: number
}

/** Runs the tasks of one model that this worker has claimed, from claim to stored result. */
export class TaskRunner {
  readonly lane: Lane
  readonly #hands: Hands
  readonly #options: TaskRunnerOptions
  readonly #deps: WorkerDeps & { readonly writeResult: ResultWriter }
  readonly #counters: (outcome: Outcome) => Counter
  readonly #duration

  constructor(lane: Lane, hands: Hands, options: TaskRunnerOptions, deps: WorkerDeps & { readonly writeResult: ResultWriter }) {
    this.lane = lane
    this.#hands = hands
    this.#options = options
    this.#deps = deps
    const model = lane.model.schema.name
    this.#counters = (outcome) => deps.registry.counter(families.executions, { model, outcome })
    this.#counters('done') // Stands at 0 from the start.
    this.#duration = deps.registry.histogram(families.taskDuration, { model })
  }

  /**
   * Runs one task, to the end of its execution, which a lost claim does not shorten. Does not throw.
   * @param onRoom - The lane can take more.
   */
  async run(claim: Claim, onRoom: () => void): Promise<void> {
    const hand = this.#hands.take(claim)
    this.lane.enter()
    const putDown = once(this.lane.take(claim.task.rows, performance.now(), claim.task.deaths === 0))
    const makeRoom = () => {
      putDown(performance.now())
      onRoom()
    }
    // A lost execution is not waited for; its rows stay in the lane until the model is done with them, for they still keep it busy.
    const execution = this.#execute(claim, makeRoom)
    const ended = await Promise.race([execution, hand.lost])
    if (typeof ended !== 'string') this.#pace(ended, onRoom)
    this.#counters(typeof ended === 'string' ? ended : await this.#store(hand, ended)).add()
    this.#hands.putDown(hand)
    if (typeof ended === 'string') await execution
    this.lane.leave()
    onRoom()
  }

  /** Gives a task back that nothing was done for, as if never claimed. Does not throw. */
  async giveBack(claim: Claim): Promise<void> {
    const hand = this.#hands.take(claim)
    await this.#store(hand, { kind: 'released' })
    this.#hands.putDown(hand)
  }

  /** Tasks that cannot reach their model go back to the queue, and the lane rests: they would else come back at once. */
  #pace({ kind }: Ended, onRoom: () => void): void {
    if (kind !== 'released') {
      this.lane.reached()
      return
    }
    const restMs = this.lane.rest(performance.now(), this.#deps.random)
    if (restMs !== undefined) setTimeout(onRoom, restMs).unref() // Nobody waits for it when the worker stops.
  }

  async #execute({ task }: Claim, makeRoom: () => void): Promise<Ended> {
    const { host, clock, writeResult } = this.#deps
    try {
      return await execute(task, { host, clock, writeResult, timeoutMs: this.#options.timeoutMs, onComputed: makeRoom })
    } finally {
      makeRoom()
    }
  }

  async #store(hand: Hand, ended: Ended): Promise<Outcome> {
    const { queue, random } = this.#deps
    const stored = await settle(hand, (claim) => tell(queue, claim, ended), { leaseMs: this.#options.leaseMs, random })
    if (stored.kind === 'lost') return 'lost'
    if (stored.kind === 'unavailable') {
      this.#deps.onError(stored.error, { task: hand.claim.task.id, told: ended.kind })
      return 'lost'
    }
    if (ended.kind === 'done') {
      // Only now, for an execution whose result is not the one that counts must not be counted either.
      ended.served.observer.outputs(ended.outputs)
      this.#duration.observe((this.#deps.clock.now() - hand.claim.task.submittedMs) / MS_PER_SECOND)
    }
    return ended.kind
  }
}

async function tell(queue: WorkerDeps['queue'], claim: Claim, ended: Ended): Promise<'stored' | 'lost'> {
  switch (ended.kind) {
    case 'done':
      return queue.complete(claim, ended.result)
    case 'failed':
    case 'refused':
      return (await queue.fail(claim, ended.failure, { final: ended.kind === 'refused' })) === 'lost' ? 'lost' : 'stored'
    case 'died':
      return (await queue.died(claim, ended.failure)) === 'lost' ? 'lost' : 'stored'
    case 'released':
      await queue.release([claim])
      return 'stored'
  }
}

function once(run: (nowMs: number) => void): (nowMs: number) => void {
  let done = false
  return (nowMs) => {
    if (!done) run(nowMs)
    done = true
  }
}
