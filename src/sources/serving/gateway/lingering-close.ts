import type { IncomingMessage } from 'node:http'

/** What is still read of a request that was answered already, and for how long: enough for a client to see the answer while it sends. */
const LINGER_BYTES_MAX = 8_388_608
const LINGER_MS_MAX = 2000

/**
 * Closes the connection of a request whose body is not wanted, behind its answer, so that the answer arrives. Closed at once, with bytes unread, the system
 * resets the connection, and a client that still sends (a browser, Python's requests) is told of a broken connection in place of what was wrong.
 * Call it before the answer is sent with `connection: close`.
 * @see RFC 9112, section 9.6.
 */
export function closeLingering(request: IncomingMessage): void {
  const { socket } = request
  const { destroySoon } = socket
  // What Node's server calls when the last answer of a connection is out.
  socket.destroySoon = () => {
    if (request.readableEnded) return destroySoon.call(socket) // It arrived after all.
    let bytes = 0
    const close = () => socket.destroy()
    const timer = setTimeout(close, LINGER_MS_MAX)
    socket.once('close', () => clearTimeout(timer))
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > LINGER_BYTES_MAX) close()
    })
    request.once('end', close)
    request.resume()
    socket.end()
  }
}
