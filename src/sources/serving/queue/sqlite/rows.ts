import type { Failure, Task, TaskWithPayload, Webhook } from '../contract.ts'
import { DELAYED, type StateNumber, stateNames } from './states.ts'

/** What a query for tasks reads; `queue` is not in it, for lanes are known by number. */
export const TASK_COLUMNS = `task.id, task.lane, task.state, task.due_ms, task.priority, task.rows, task.attempts, task.deaths, task.revision,
  task.submitted_ms, task.deadline_ms, task.started_ms, task.finished_ms, result.result, failure.code, failure.message, failure.stack`
/** The same without the result, which may be as large as a picture. */
export const SUMMARY_COLUMNS = TASK_COLUMNS.replace('result.result', 'NULL AS result')
export const SUMMARY_JOINS = 'LEFT JOIN failure USING (seq)'
export const TASK_JOINS = 'LEFT JOIN result USING (seq) LEFT JOIN failure USING (seq)'

export interface TaskRow {
  readonly id: string
  readonly lane: number
  readonly state: StateNumber
  readonly due_ms: number | null
  readonly priority: number
  readonly rows: number
  readonly attempts: number
  readonly deaths: number
  readonly revision: string
  readonly submitted_ms: number
  readonly deadline_ms: number | null
  readonly started_ms: number | null
  readonly finished_ms: number | null
  readonly result: string | null
  readonly code: string | null
  readonly message: string | null
  readonly stack: string | null
}

export interface PayloadRow extends TaskRow {
  readonly payload: string
  readonly url: string | null
  readonly secret: string | null
}

export function toTask(row: TaskRow, queue: string): Task {
  return {
    id: row.id,
    queue,
    revision: row.revision,
    priority: row.priority,
    rows: row.rows,
    state: stateNames[row.state],
    attempts: row.attempts,
    deaths: row.deaths,
    submittedMs: row.submitted_ms,
    startedMs: row.started_ms ?? undefined,
    finishedMs: row.finished_ms ?? undefined,
    deadlineMs: row.deadline_ms ?? undefined,
    retryMs: row.state === DELAYED ? (row.due_ms ?? undefined) : undefined,
    result: row.result ?? undefined,
    failure: toFailure(row),
  }
}

export function toTaskWithPayload(row: PayloadRow, queue: string): TaskWithPayload {
  return { ...toTask(row, queue), payload: row.payload, webhook: toWebhook(row) }
}

export function toWebhook({ url, secret }: { readonly url: string | null; readonly secret: string | null }): Webhook | undefined {
  return url === null ? undefined : { url, secret: secret ?? undefined }
}

function toFailure({ code, message, stack }: TaskRow): Failure | undefined {
  return code === null ? undefined : { code, message: message ?? '', stack: stack ?? undefined }
}
