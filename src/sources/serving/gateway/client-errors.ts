import { maxHeaderSize } from 'node:http'
import type { Socket } from 'node:net'
import type { ModelwatchError } from '../../../core/errors.ts'
import { gatewayErrors } from './errors.ts'

/**
 * Answers what is no HTTP, or comes too slowly, and closes the connection: there is no request yet that a route could answer. What a code of Node's parser
 * means: https://nodejs.org/api/http.html#event-clienterror
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  // An answer that is on its way would be cut in two by this one.
  const { _httpMessage: underWay } = socket as Socket & { _httpMessage?: { headersSent: boolean } | null }
  if (!socket.writable || underWay?.headersSent === true) {
    socket.destroy()
    return
  }
  const { status, fault } = translate(error)
  const body = JSON.stringify({ code: fault.code, error: fault.message, hint: fault.hint, detail: [] })
  const head = `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}`
  // Given to the system at once, or lost: to wait until a client takes it would keep the connection of one that never reads.
  socket.write(`${head}\r\n\r\n${body}`)
  socket.destroy()
}

function translate({ code, message }: NodeJS.ErrnoException): { status: string; fault: ModelwatchError } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: '408 Request Timeout', fault: gatewayErrors.MW_REQUEST_SLOW('the request did not arrive whole in time') }
  if (code === 'HPE_HEADER_OVERFLOW')
    return {
      status: '431 Request Header Fields Too Large',
      fault: gatewayErrors.MW_REQUEST_INVALID(`the headers are larger than ${maxHeaderSize} bytes`),
    }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return { status: '413 Payload Too Large', fault: gatewayErrors.MW_REQUEST_INVALID('the extensions of a chunk are larger than 16 KiB') }
  return { status: '400 Bad Request', fault: gatewayErrors.MW_REQUEST_INVALID(`this is no HTTP request: ${message}`) }
}
