import type { Pool } from 'undici'
import { messageOf } from '../../../../core/errors.ts'

/** What became of one request, without judgement. */
export type Exchange =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers: Readonly<Record<string, string | string[] | undefined>>
      readonly text: string
    }
  /** There was no connection: the server has seen nothing of it. */
  | { readonly kind: 'unsent'; readonly reason: string }
  /** The connection ended before any answer: the server may have seen it. */
  | { readonly kind: 'reset'; readonly reason: string }
  /** Its body is longer than is read. */
  | { readonly kind: 'too_long'; readonly reason: string }
  /** There was an answer that is not whole, or not HTTP. */
  | { readonly kind: 'broken'; readonly reason: string }
  /** The signal came first. */
  | { readonly kind: 'aborted' }

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT'
  /** Below the path of the address. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface ConnectionOptions {
  readonly url: URL
  readonly connections: number
  readonly connectTimeoutMs: number
  readonly responseBytesMax: number
  readonly tls: {
    readonly ca?: string | undefined
    readonly cert?: string | undefined
    readonly key?: string | undefined
    readonly serverName?: string | undefined
    readonly skipVerify: boolean
  }
  /** Headers of every request. */
  headers(): Promise<Readonly<Record<string, string>>>
}

/** Kept connections to one server. */
export interface Connection {
  /** The address, for messages. */
  readonly name: string
  /** One request and its answer. Redirects are answers. Never throws. */
  exchange(request: Request, signal: AbortSignal): Promise<Exchange>
  /** Lets requests under way end first. */
  close(): Promise<void>
}

/** Nothing is connected before the first request. */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const { url, tls } = options
  const { Pool } = await import('undici')
  const prefix = url.pathname.replace(/\/+$/, '')
  const pool = new Pool(url.origin, {
    connections: options.connections,
    pipelining: 1,
    allowH2: false,
    // The signal of a request is its only clock: it covers connecting, waiting and reading together.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: options.responseBytesMax,
    connect: {
      timeout: options.connectTimeoutMs,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
      rejectUnauthorized: !tls.skipVerify,
    },
  })
  return {
    name: `${url.origin}${prefix}`,
    exchange: (request, signal) => exchange(pool, { ...request, path: `${prefix}${request.path}` }, options, signal),
    close: () => pool.close(),
  }
}

async function exchange(
  pool: Pool,
  { method, path, headers, body }: Request,
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Exchange> {
  let begun = false
  try {
    const response = await pool.request({
      method,
      path,
      headers: { accept: 'application/json', 'user-agent': 'modelwatch', ...(await options.headers()), ...headers },
      signal,
      ...(body === undefined ? {} : { body }),
    })
    begun = true
    return { kind: 'answer', status: response.statusCode, headers: response.headers, text: await response.body.text() }
  } catch (error) {
    if (signal.aborted) return { kind: 'aborted' }
    const { code = '', reason } = describe(error)
    if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE')
      return { kind: 'too_long', reason: `its answer is longer than ${options.responseBytesMax} bytes` }
    if (begun) return { kind: 'broken', reason: `its answer ends before it is whole: ${reason}` }
    if (neverSent.has(code) || isTlsFault(code)) return { kind: 'unsent', reason }
    return reset.has(code) ? { kind: 'reset', reason } : { kind: 'broken', reason }
  }
}

const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])
const reset = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])
/** A certificate that is refused ends the connection before anything is sent over it. */
const isTlsFault = (code: string) => /^ERR_TLS_|^ERR_SSL_|CERT|SELF_SIGNED|UNABLE_TO_/.test(code)

/** A name with several addresses fails with one error for all of them, which may have no message of its own. */
function describe(error: unknown): { code: string | undefined; reason: string } {
  const { code, errors } = error as NodeJS.ErrnoException & { errors?: readonly unknown[] }
  const reason = messageOf(error) || (errors ?? []).map(messageOf).join('; ') || (code ?? String(error))
  return { code, reason }
}
