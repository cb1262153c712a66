import type { Task } from '../../queue/contract.ts'
import { toTaskText } from './task-json.ts'

/** Wait that clients keep before they connect again. */
const RETRY_MS = 2000

/**
 * Server-sent events of a task: one for each state it is seen in, the last of which is final and brings the predictions; a comment where nothing has changed,
 * so that proxies and clients know the connection is alive.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* toEvents(changes: AsyncIterable<Task | undefined>): AsyncGenerator<string> {
  yield `retry: ${RETRY_MS}\n\n`
  let last = ''
  for await (const task of changes) {
    if (task === undefined) return // Its result was kept long enough while we looked on.
    const id = `${task.state}-${task.attempts}-${task.deaths}`
    // JSON text has no line breaks of its own.
    yield id === last ? ': alive\n\n' : `event: state\nid: ${id}\ndata: ${toTaskText(task)}\n\n`
    last = id
  }
}
