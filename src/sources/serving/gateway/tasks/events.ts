import type { Sight } from './sight.ts'

/** Wait that clients keep before they connect again. */
const RETRY_MS = 2000

/**
 * Server-sent events of a task: one for each state it is seen in, the last of which is final and brings the predictions; a comment where nothing has changed,
 * so that proxies and clients know the connection is alive.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* toEvents(sights: AsyncIterable<Sight>): AsyncGenerator<string | Buffer> {
  yield `retry: ${RETRY_MS}\n\n`
  let last: Sight | undefined
  for await (const sight of sights) {
    yield sight === last ? ': alive\n\n' : sight.event
    last = sight
  }
}
