import type { Failure, Task, TaskState, TaskWithPayload, Webhook } from '../contract.ts'
import { rowFields } from './scripts/prelude.ts'

/** What a script answers: nested lists of text, whole numbers and nothing. */
export type Reply = string | number | null | readonly Reply[]
export type ReplyRow = readonly (string | null)[]

const at = Object.fromEntries(rowFields.map((field, i) => [field, i])) as Readonly<Record<(typeof rowFields)[number], number>>

/** A row, as the script function `row` answers it, as a task. */
export function toTask(row: ReplyRow): Task {
  const text = (field: keyof typeof at) => row[at[field]] ?? undefined
  const number = (field: keyof typeof at) => toNumber(row[at[field]])
  const failure = text('fl')
  return {
    id: row[rowFields.length + 2]!,
    queue: text('q')!,
    revision: text('rev')!,
    priority: number('pri')!,
    rows: number('rows')!,
    state: text('st') as TaskState,
    attempts: number('att')!,
    deaths: number('dea')!,
    submittedMs: number('sub')!,
    startedMs: number('sta'),
    finishedMs: number('fin'),
    deadlineMs: number('dl'),
    retryMs: number('ret'),
    result: row[rowFields.length] ?? undefined,
    failure: failure === undefined ? undefined : toFailure(failure),
  }
}

/** The same with what it was asked, of a row that was asked for with its payload. */
export function toTaskWithPayload(row: ReplyRow): TaskWithPayload {
  return { ...toTask(row), payload: row[rowFields.length + 1]!, webhook: webhookOf(row) }
}

/** Whom to tell of the task in a row. */
export function webhookOf(row: ReplyRow): Webhook | undefined {
  const text = row[at.wh] ?? undefined
  if (text === undefined) return undefined
  const { url, secret } = JSON.parse(text) as { url: string; secret?: string }
  return { url, secret }
}

/** How often the task in a row was begun anew by hand: its tickets are told apart by it. */
export const generationOf = (row: ReplyRow): string => row[at.gen]!

/** JSON text, for `toFailure`: what is absent is left out. */
export const fromFailure = ({ code, message, stack }: Failure): string => JSON.stringify({ code, message, stack })

function toFailure(text: string): Failure {
  const { code, message, stack } = JSON.parse(text) as { code: string; message: string; stack?: string }
  return { code, message, stack }
}

const toNumber = (text: string | null | undefined) => (text === null || text === undefined ? undefined : Number(text))
