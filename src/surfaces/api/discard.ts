import type { IncomingMessage } from 'node:http'

/** Up to this much of a refused request is read and thrown away. */
const BYTES_MAX = 64 << 20
/** Longest wait for it. */
const MS_MAX = 5000

/**
 * Reads what is left of a request that is refused before it was read, for a client that still writes does not look at the answer: closing under its
 * hands would look to it like a broken network, and senders of remote write try again when they see one. Resolves when nothing more comes, or it is enough.
 */
export async function discardRest(request: IncomingMessage): Promise<void> {
  if (request.complete || request.readableEnded || request.destroyed) return
  const { promise, resolve } = Promise.withResolvers<void>()
  let bytes = 0
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > BYTES_MAX) resolve()
  }
  const timer = setTimeout(resolve, MS_MAX)
  request.on('data', count).once('end', resolve).once('close', resolve)
  request.resume()
  await promise
  clearTimeout(timer)
  request.off('data', count).off('end', resolve).off('close', resolve)
}
