import { isUtf8 } from 'node:buffer'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import type { Client, Dispatcher } from 'undici'
import { ModelwatchError, messageOf } from '../../core/errors.ts'
import { formatDuration } from '../../core/time.ts'
import { type ExpositionFormat, expositionErrors } from '../exposition/index.ts'
import { scrapeErrors } from './errors.ts'

export interface Exposition {
  readonly format: ExpositionFormat
  readonly text: string
}

export interface Fetcher {
  /** @throws MW_SCRAPE_HTTP, MW_SCRAPE_TIMEOUT or MW_SCRAPE_BODY_LIMIT. */
  fetch(signal: AbortSignal): Promise<Exposition>
  close(): Promise<void>
}

export interface FetcherOptions {
  readonly url: URL
  readonly timeoutMs: number
  readonly bodyBytesMax: number
}

const redirectsMax = 10
/** V8 makes no string longer than this, so a job without a limit has this one. */
const textBytesMax = 500 * 1024 * 1024

const accept = [
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5',
  'application/openmetrics-text;version=0.0.1;q=0.4',
  'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3',
  'text/plain;version=0.0.4;q=0.2',
  '*/*;q=0.1',
].join(',')

/** Fetches what one target exposes, over a connection of its own that is kept open. */
export function createFetcher({ url, timeoutMs, bodyBytesMax: bytesMax }: FetcherOptions): Fetcher {
  const bodyBytesMax = Math.min(bytesMax, textBytesMax)
  // The abort signal is the only clock: it covers connecting, waiting and reading together.
  const connect = async (origin: string) => {
    // Loaded with the first scrape: a monitor that is written to, and scrapes nothing, is 20 MiB smaller without it.
    const undici = await import('undici')
    return new undici.Client(origin, { headersTimeout: 0, bodyTimeout: 0, connect: { timeout: timeoutMs } })
  }
  let connected: Promise<Client> | undefined
  const headers = {
    accept,
    'accept-encoding': 'gzip',
    'user-agent': 'modelwatch',
    'x-prometheus-scrape-timeout-seconds': String(timeoutMs / 1000),
  }
  const request = async (signal: AbortSignal): Promise<Exposition> => {
    let target = url
    for (let hop = 0; hop <= redirectsMax; hop++) {
      const own = target.origin === url.origin
      connected ??= connect(url.origin)
      const via = await (own ? connected : connect(target.origin))
      try {
        const response = await via.request({ method: 'GET', path: target.pathname + target.search, headers, signal })
        const location = response.headers.location
        if (![301, 302, 303, 307, 308].includes(response.statusCode) || typeof location !== 'string')
          return await read(response, bodyBytesMax)
        await response.body.dump()
        target = new URL(location, target)
      } finally {
        if (!own) await via.destroy()
      }
    }
    throw scrapeErrors.MW_SCRAPE_HTTP(`${url.href} redirected more than ${redirectsMax} times`)
  }
  return {
    async fetch(stop) {
      const timeout = AbortSignal.timeout(timeoutMs)
      const signal = AbortSignal.any([stop, timeout])
      try {
        // A kept connection may have been closed by the other side just now; that is no failure of the target.
        return await request(signal).catch((error) => (isStaleConnection(error) ? request(signal) : Promise.reject(error)))
      } catch (error) {
        if (error instanceof ModelwatchError) throw error
        if (timeout.aborted && !stop.aborted) throw scrapeErrors.MW_SCRAPE_TIMEOUT(`no whole answer within ${formatDuration(timeoutMs)}`)
        throw scrapeErrors.MW_SCRAPE_HTTP(reasonOf(error), { cause: error })
      }
    },
    async close() {
      await (await connected)?.destroy()
    },
  }
}

async function read(response: Dispatcher.ResponseData, bodyBytesMax: number): Promise<Exposition> {
  if (response.statusCode !== 200) {
    await response.body.dump()
    throw scrapeErrors.MW_SCRAPE_HTTP(`server returned HTTP status ${response.statusCode}`)
  }
  const format = formatOf(String(response.headers['content-type'] ?? ''))
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop early destroys the body, and with it the connection.
  for await (const chunk of response.body) {
    bytes += (chunk as Buffer).length
    if (bytes > bodyBytesMax) throw tooLarge(bodyBytesMax)
    chunks.push(chunk as Buffer)
  }
  const raw = Buffer.concat(chunks, bytes)
  const body = response.headers['content-encoding'] === 'gzip' ? await unzip(raw, bodyBytesMax) : raw
  if (!isUtf8(body)) throw expositionErrors.MW_EXPOSITION_SYNTAX('the answer is not valid UTF-8')
  return { format, text: body.toString('utf8') }
}

async function unzip(raw: Buffer, bodyBytesMax: number): Promise<Buffer> {
  try {
    return await promisify(gunzip)(raw, { maxOutputLength: bodyBytesMax })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(bodyBytesMax)
    throw scrapeErrors.MW_SCRAPE_HTTP(`the answer does not unpack as gzip: ${messageOf(error)}`, { cause: error })
  }
}

function formatOf(contentType: string): ExpositionFormat {
  const mediaType = contentType.split(';')[0]!.trim().toLowerCase()
  if (mediaType === 'text/plain') return 'text'
  if (mediaType === 'application/openmetrics-text') return 'openmetrics'
  throw scrapeErrors.MW_SCRAPE_HTTP(mediaType === '' ? 'the answer has no Content-Type' : `unsupported Content-Type "${contentType}"`, {
    hint: 'A target must answer text/plain or application/openmetrics-text; is the path right?',
  })
}

function tooLarge(bodyBytesMax: number): ModelwatchError {
  return scrapeErrors.MW_SCRAPE_BODY_LIMIT(`body size limit exceeded: the answer is longer than ${bodyBytesMax} bytes`)
}

function isStaleConnection(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET'
}

/** A name with several addresses fails with one error for all, which has no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ')
  return messageOf(error)
}
