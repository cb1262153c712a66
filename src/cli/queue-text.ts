import type { QueueStats, Task, TaskWithPayload } from '../app/queue.ts'
import { formatDuration } from '../core/time.ts'
import { bold, dim } from './output.ts'

/** How much of an input or a result is shown when not all was asked for. */
const SHORT_CHARS = 600
const MESSAGE_CHARS = 100

/** Counts by model. */
export function describeQueues(place: string, stats: readonly QueueStats[], nowMs: number): string[] {
  if (stats.length === 0) return [`${place}: no tasks`]
  const rows = stats.map(({ queue, waiting, active, delayed, dead, oldestWaitingMs }) => [
    queue,
    ...[waiting, active, delayed, dead].map((count) => count.toLocaleString('en-US')),
    oldestWaitingMs === undefined ? '–' : ageText(nowMs - oldestWaitingMs),
  ])
  return [place, ...table(['model', 'waiting', 'active', 'delayed', 'dead', 'oldest waits'], rows, 1)]
}

/** A line for each task, newest first. @param limit - Most that were asked for: as many may mean that there are more. */
export function describeTasks(tasks: readonly Task[], nowMs: number, limit: number): string[] {
  if (tasks.length === 0) return []
  const rows = tasks.map((task) => [
    task.id,
    task.queue,
    task.state,
    String(task.attempts),
    `${ageText(nowMs - task.submittedMs)} ago`,
    noteOn(task, nowMs),
  ])
  const more = tasks.length < limit ? [] : [dim(`older ones: --after ${tasks.at(-1)!.id}`)]
  return ['', ...table(['task', 'model', 'state', 'attempts', 'submitted', ''], rows, 6), ...more]
}

/** All that is known of a task. */
export function describeTask(task: TaskWithPayload, { isFull, nowMs }: { isFull: boolean; nowMs: number }): string[] {
  const timeText = (timeMs: number) =>
    `${new Date(timeMs).toISOString()}, ${ageText(Math.abs(nowMs - timeMs))} ${timeMs > nowMs ? 'from now' : 'ago'}`
  const fields: [string, string | undefined][] = [
    ['task', task.id],
    ['model', `${task.queue}, revision ${task.revision}`],
    ['state', task.state],
    ['attempts', task.deaths === 0 ? String(task.attempts) : `${task.attempts}, of which ${task.deaths} took their worker with them`],
    ['rows', String(task.rows)],
    ['priority', String(task.priority)],
    ['submitted', timeText(task.submittedMs)],
    ['started', task.startedMs === undefined ? undefined : timeText(task.startedMs)],
    ['finished', task.finishedMs === undefined ? undefined : timeText(task.finishedMs)],
    ['next try', task.retryMs === undefined ? undefined : timeText(task.retryMs)],
    ['deadline', task.deadlineMs === undefined ? undefined : timeText(task.deadlineMs)],
    [
      'webhook',
      task.webhook === undefined
        ? undefined
        : `${withoutCredentials(task.webhook.url)}${task.webhook.secret === undefined ? '' : ', signed'}`,
    ],
  ]
  const lines = fields.flatMap(([name, value]) => (value === undefined ? [] : [`${name.padEnd(9)}  ${printable(value)}`]))
  if (task.failure !== undefined) {
    lines.push('', bold('Cause'), `  ${printable(task.failure.message)} (${printable(task.failure.code)})`)
    if (task.failure.stack !== undefined) lines.push(...task.failure.stack.split('\n').map((line) => dim(`  ${printable(line)}`)))
  }
  lines.push('', bold('Input'), shorten(task.payload, isFull))
  if (task.result !== undefined) lines.push('', bold('Result'), shorten(task.result, isFull))
  return lines
}

/** Counts for programs. */
export function toJsonQueue({ queue, waiting, active, delayed, dead, oldestWaitingMs }: QueueStats): Record<string, unknown> {
  return { model: queue, waiting, active, delayed, dead, oldest_waiting_since: toTime(oldestWaitingMs) }
}

/** A task for programs: names and times as the gateway has them, RFC 3339; secrets left out. */
export function toJsonTask(task: Task | TaskWithPayload): Record<string, unknown> {
  return {
    id: task.id,
    model: task.queue,
    revision: task.revision,
    state: task.state,
    priority: task.priority,
    rows: task.rows,
    attempts: task.attempts,
    deaths: task.deaths,
    submitted_at: toTime(task.submittedMs),
    started_at: toTime(task.startedMs),
    finished_at: toTime(task.finishedMs),
    retry_at: toTime(task.retryMs),
    deadline_at: toTime(task.deadlineMs),
    failure: task.failure === undefined ? null : { ...task.failure, stack: task.failure.stack ?? null },
    ...('payload' in task && {
      input: fromJson(task.payload),
      webhook: task.webhook === undefined ? null : withoutCredentials(task.webhook.url),
    }),
    ...('payload' in task && task.result !== undefined && { result: fromJson(task.result) }),
  }
}

const toTime = (timeMs: number | undefined) => (timeMs === undefined ? null : new Date(timeMs).toISOString())

function noteOn(task: Task, nowMs: number): string {
  const cause =
    task.failure === undefined || task.state === 'done'
      ? ''
      : `${cut(printable(task.failure.message), MESSAGE_CHARS)} (${task.failure.code})`
  if (task.retryMs === undefined) return cause
  return `again in ${ageText(Math.max(0, task.retryMs - nowMs))}: ${cause}`
}

/** Texts stand to the left; figures, those from column `from` on, to the right. */
function table(head: readonly string[], rows: readonly (readonly string[])[], from: number): string[] {
  const widths = head.map((title, c) => Math.max(title.length, ...rows.map((row) => row[c]!.length)))
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, c) => (c < from ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join('  ')}`.trimEnd()
  return [bold(line(head)), ...rows.map(line)]
}

/** `3m20s`, and no finer than it helps. */
function ageText(ageMs: number): string {
  if (ageMs < 1000) return `${Math.max(0, Math.round(ageMs))}ms`
  const unitMs = ageMs < 3_600_000 ? 1000 : ageMs < 86_400_000 ? 60_000 : 3_600_000
  return formatDuration(Math.floor(ageMs / unitMs) * unitMs)
}

function shorten(text: string, isFull: boolean): string {
  const shown = isFull ? text : text.slice(0, SHORT_CHARS)
  const rest = text.length - shown.length
  return `  ${printable(shown)}${rest === 0 ? '' : dim(` … ${rest.toLocaleString('en-US')} characters more; --full shows them`)}`
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`
}

/** What clients sent must not move the cursor or colour the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is sought.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function withoutCredentials(url: string): string {
  return url.replace(/:\/\/[^/]*@/, '://')
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text // The queue takes any text; whoever wrote this one wrote no JSON.
  }
}
