import { createHash } from 'node:crypto'
import type { NewTask, QueueOptions, Submitted } from '../contract.ts'
import type { CallScript } from './commands.ts'
import { Gather } from './gather.ts'
import type { Lanes } from './lanes.ts'
import type { Link } from './link.ts'

export interface SubmitterParts {
  readonly options: QueueOptions
  readonly link: Link
  readonly call: CallScript
  readonly lanes: Lanes
  /** Notes that the tickets of these tasks are in. Nobody waits for it. */
  ticketed(ids: readonly string[]): void
}

/** Items and characters that go in one script, during which the server does nothing else; two on their way, so that one waits while the other is worked on. */
export const batchLimits = { itemsMax: 128, weightMax: 1_000_000, runsMax: 2 } as const

/** 'full' (of tasks) and 'crowded' (memory) are no errors here, for they concern one task of those that share a round trip. */
export type SubmitAnswer = Submitted | { readonly kind: 'full' } | { readonly kind: 'crowded' }

/** Stores tasks, those that come at the same time together: two round trips, however many. */
export class Submitter {
  readonly #parts: SubmitterParts
  readonly #gather: Gather<NewTask, SubmitAnswer>

  constructor(parts: SubmitterParts) {
    this.#parts = parts
    this.#gather = new Gather({ ...batchLimits, weightOf: ({ payload }) => payload.length }, (tasks) => this.#submitAll(tasks))
  }

  submit(task: NewTask): Promise<SubmitAnswer> {
    return this.#gather.add(task)
  }

  #submitAll(tasks: readonly NewTask[]): Promise<SubmitAnswer[]> {
    const { link, call, lanes, options, ticketed } = this.#parts
    return link.run(async (again) => {
      // First, the records.
      const args = [options.tasksMax, options.idempotencyMs, ...tasks.flatMap(submitArgs)]
      const replies = (await call('submit', args)) as readonly string[]
      const stored = tasks.map((task, i) => ({ task, kind: replies[3 * i]!, id: replies[3 * i + 1]!, name: replies[3 * i + 2]! }))
      // Second, the tickets. Whoever finds a task without one, puts it in: this call sent again, or the next round of care.
      const missing = stored.filter(({ name }) => name !== '')
      await lanes.add(missing.map(({ task, name }) => ({ lane: task.queue, name, priority: task.priority, waitMs: 0 })))
      // Third, the note that they are in.
      ticketed(missing.map(({ id }) => id))
      return stored.map((one) => toAnswer(one, again))
    })
  }
}

function submitArgs(task: NewTask): (string | number)[] {
  const { id, queue, revision, priority, rows, submittedMs, deadlineMs, webhook, idempotency, payload } = task
  return [
    id,
    queue,
    revision,
    priority,
    rows,
    submittedMs,
    deadlineMs ?? '',
    webhook === undefined ? '' : JSON.stringify(webhook),
    // A client's key may be of any length and hold anything.
    idempotency === undefined
      ? ''
      : createHash('sha256')
          .update(JSON.stringify([queue, idempotency.key]))
          .digest('base64url'),
    idempotency?.digest ?? '',
    payload,
  ]
}

/** @param again - The call was sent before, and what it stored then is no surprise. */
function toAnswer(
  { task, kind, id }: { readonly task: NewTask; readonly kind: string; readonly id: string },
  again: boolean,
): SubmitAnswer {
  switch (kind) {
    case 'accepted':
    case 'conflict':
      return { kind, id }
    case 'full':
    case 'crowded':
      return { kind }
    default:
      return { kind: again && id === task.id ? 'accepted' : 'known', id }
  }
}
