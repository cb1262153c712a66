import { type IncomingMessage, maxHeaderSize, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ModelwatchError } from '../../../core/errors.ts'
import { gatewayErrors } from './errors.ts'

/**
 * Answers what is no HTTP, or comes too slowly, and closes the connection: there is no request yet that a route could answer. What a code of Node's parser
 * means: https://nodejs.org/api/http.html#event-clienterror
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (!socket.writable || !isNextToAnswer(socket as HttpSocket)) {
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

/** A socket with what Node keeps there: the answer under way, and the request whose head was read last. */
interface HttpSocket extends Socket {
  readonly _httpMessage?: ServerResponse | null
  readonly parser?: { readonly incoming: IncomingMessage | null } | null
}

/**
 * Whether what is written now would be read as the answer to what broke. It would not, when an answer is on its way, which it would cut in two; when an
 * earlier request still waits for its own; and when the request was refused, and answered, before its body came.
 */
function isNextToAnswer({ _httpMessage: underWay, parser }: HttpSocket): boolean {
  const broken = parser?.incoming?.complete === false ? parser.incoming : undefined
  if (underWay === undefined || underWay === null) return broken === undefined
  return underWay.req === broken && !underWay.headersSent
}

function translate({ code, message }: NodeJS.ErrnoException): { status: string; fault: ModelwatchError } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: '408 Request Timeout', fault: gatewayErrors.MW_REQUEST_SLOW('the request did not arrive whole in time') }
  if (code === 'HPE_HEADER_OVERFLOW')
    return {
      status: '431 Request Header Fields Too Large',
      fault: gatewayErrors.MW_REQUEST_INVALID(`the headers are larger than ${maxHeaderSize} bytes`, {
        hint: 'Send fewer headers, or shorter ones; rows belong into the body.',
      }),
    }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return {
      status: '413 Payload Too Large',
      fault: gatewayErrors.MW_REQUEST_INVALID('the extensions of a chunk are larger than 16 KiB', {
        hint: 'Send the body in chunks without extensions.',
      }),
    }
  return { status: '400 Bad Request', fault: gatewayErrors.MW_REQUEST_INVALID(`this is no HTTP request: ${message}`) }
}
