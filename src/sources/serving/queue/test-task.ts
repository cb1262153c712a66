import type { Clock } from '../../../core/time.ts'
import type { Failure, NewTask, QueueOptions } from './contract.ts'
import { createTaskId } from './task-id.ts'

/** A clock that stands still until it is told. */
export class FakeClock implements Clock {
  #nowMs: number
  constructor(nowMs = 1_800_000_000_000) {
    this.#nowMs = nowMs
  }
  now(): number {
    return this.#nowMs
  }
  advance(ms: number): void {
    this.#nowMs += ms
  }
}

/** Long enough that nothing runs out in a test that does not want it to. */
export const testQueueOptions: QueueOptions = {
  attemptsMax: 3,
  deathsMax: 2,
  retryDelayMs: 60_000,
  retryDelayMsMax: 300_000,
  leaseMs: 60_000,
  resultsMs: 600_000,
  deadMs: 3_600_000,
  idempotencyMs: 600_000,
  tasksMax: 100_000,
  bytesMax: 1e12,
  webhookAttemptsMax: 3,
  webhookDelayMs: 60_000,
}

/** A task of one row for the queue `m`, unless told otherwise. */
export function testTask(clock: Clock, options: Partial<NewTask> = {}): NewTask {
  const nowMs = clock.now()
  return {
    id: createTaskId(nowMs),
    queue: 'm',
    revision: 'r1',
    priority: 0,
    payload: '{"rows":[{"x":1}]}',
    rows: 1,
    submittedMs: nowMs,
    deadlineMs: undefined,
    webhook: undefined,
    idempotency: undefined,
    ...options,
  }
}

export const testFailure: Failure = { code: 'MW_TEST', message: 'it broke at 13', stack: 'Error: it broke at 13\n    at test' }
