import type { Sample, Series, TimeGrid } from '../api.ts'
import { duration, type Scope, taskQueries } from '../queries.ts'
import { onGrid } from '../series.ts'
import type { Ask, AskRange } from './ask.ts'

/** `submitted` and `done` are per second, `oldestAge` is in seconds, the others are counts. */
export const taskLines = ['waiting', 'active', 'delayed', 'dead', 'oldestAge', 'submitted', 'done'] as const
export type TaskLine = (typeof taskLines)[number]

export type TasksNow = Readonly<Record<TaskLine, number | undefined>>
export type TaskHistory = Readonly<Record<TaskLine, readonly (number | null)[]>>

export const noTasks = Object.fromEntries(taskLines.map((line) => [line, undefined])) as TasksNow

/** Undefined figures: no process tells of tasks of this model. */
export async function loadTasks(ask: Ask, scope: Scope, windowMs: number, atMs: number | undefined): Promise<TasksNow> {
  const [counts, oldestAge, outcomes] = await Promise.all([
    ask(taskQueries.counts(scope), atMs),
    ask(taskQueries.oldestAge(scope), atMs),
    ask(taskQueries.outcomes(scope, duration(windowMs)), atMs),
  ])
  const found = pick<Sample>(counts, oldestAge, outcomes)
  return Object.fromEntries(taskLines.map((line) => [line, found(line)?.value])) as TasksNow
}

export async function loadTaskHistory(ask: AskRange, scope: Scope, window: string, grid: TimeGrid): Promise<TaskHistory> {
  const [counts, oldestAge, outcomes] = await Promise.all([
    ask(taskQueries.counts(scope), grid),
    ask(taskQueries.oldestAge(scope), grid),
    ask(taskQueries.outcomes(scope, window), grid),
  ])
  const found = pick<Series>(counts, oldestAge, outcomes)
  return Object.fromEntries(taskLines.map((line) => [line, onGrid(found(line), grid)])) as unknown as TaskHistory
}

function pick<T extends Pick<Sample, 'labels'>>(counts: readonly T[], oldestAge: readonly T[], outcomes: readonly T[]) {
  return (line: TaskLine): T | undefined => {
    if (line === 'oldestAge') return oldestAge[0]
    return line === 'submitted' || line === 'done'
      ? outcomes.find(({ labels }) => labels.outcome === line)
      : counts.find(({ labels }) => labels.state === line)
  }
}

/** Whether tasks wait, run, or got done lately; dead ones rest. */
export const hasTasks = (tasks: TasksNow) => (['waiting', 'active', 'delayed', 'done'] as const).some((line) => (tasks[line] ?? 0) > 0)
