import type { Task } from '../../queue/contract.ts'

/** Where a task is asked for. */
export const hrefOf = ({ queue, id }: Pick<Task, 'queue' | 'id'>): string => `/v1/models/${encodeURIComponent(queue)}/tasks/${id}`

/** A task without its predictions, as lists show it. Absent fields are left out; times are RFC 3339 in UTC. */
export function toTaskSummary(task: Task) {
  const { failure } = task
  return {
    task_id: task.id,
    model: task.queue,
    revision: task.revision,
    state: task.state,
    priority: task.priority,
    rows: task.rows,
    attempts: task.attempts,
    submitted_at: toTime(task.submittedMs),
    started_at: toTime(task.startedMs),
    finished_at: toTime(task.finishedMs),
    deadline_at: toTime(task.deadlineMs),
    retry_at: toTime(task.retryMs),
    // Of one that is done after all, how an earlier attempt failed is nobody's error; its stack is for the operator: `modelwatch queue show`.
    error: failure === undefined || task.state === 'done' ? undefined : { code: failure.code, message: failure.message },
    href: hrefOf(task),
  }
}

/** A task as JSON text, with the predictions of one that is done: the answer to whoever asks for it, and the body of its webhook. */
export function toTaskText(task: Task): string {
  const head = JSON.stringify(toTaskSummary(task))
  // The stored result is the text of an object: its fields follow the task's without being read again.
  return task.state === 'done' && task.result !== undefined ? `${head.slice(0, -1)},${task.result.slice(1)}` : head
}

const toTime = (timeMs: number | undefined) => (timeMs === undefined ? undefined : new Date(timeMs).toISOString())
