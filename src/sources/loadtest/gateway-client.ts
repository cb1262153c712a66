import { Pool } from 'undici'
import { loadtestErrors } from './errors.ts'
import { type GatewayAddress, parseGatewayUrl } from './gateway-url.ts'
import type { ModelDescription } from './rows.ts'

const REQUEST_TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 16
/** Far more than an answer for one row, or for a request's labels, can be. */
const ANSWER_BYTES_MAX = 16_000_000

/** What became of a request. `refused`: the gateway says no, and would again. `failed`: there was no answer, or one that may be another later. */
export type Reply =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }

/** A gateway as its clients see it, over kept connections. */
export class GatewayClient {
  readonly #url: string
  readonly #address: GatewayAddress
  readonly #pool: Pool

  /** @throws MW_REPLAY_OPTIONS when the address is none. Nothing is connected yet. */
  constructor(url: string) {
    const address = parseGatewayUrl(url)
    if (typeof address === 'string') throw loadtestErrors.MW_REPLAY_OPTIONS(address)
    this.#url = url
    this.#address = address
    this.#pool = new Pool(address.origin, {
      connections: CONNECTIONS_MAX,
      connectTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      bodyTimeout: REQUEST_TIMEOUT_MS,
      maxResponseSize: ANSWER_BYTES_MAX,
    })
  }

  /** The named model, or the only one. @throws MW_REPLAY_UNREACHABLE, MW_REPLAY_MODEL. */
  async describeModel(model: string | undefined): Promise<ModelDescription> {
    const reply = await this.#request('GET', '/v1/models')
    if (reply.kind === 'failed') throw loadtestErrors.MW_REPLAY_UNREACHABLE(`no gateway answers at ${this.#url}: ${reply.reason}`)
    const models = reply.kind === 'answered' ? (reply.answer as { models?: unknown } | null)?.models : undefined
    if (!isModelList(models)) {
      const why = reply.kind === 'refused' ? reply.reason : 'its /v1/models lists no models'
      throw loadtestErrors.MW_REPLAY_UNREACHABLE(`${this.#url} is no modelwatch gateway: ${why}`, {
        hint: 'Name the address of the gateway with --url; the monitor, for one, is not it.',
      })
    }
    const names = models.map(({ name }) => name).join(', ')
    const found = model === undefined && models.length === 1 ? models[0] : models.find(({ name }) => name === model)
    if (found !== undefined) return found
    if (models.length === 0) throw loadtestErrors.MW_REPLAY_MODEL(`no model is served at ${this.#url}`)
    throw loadtestErrors.MW_REPLAY_MODEL(
      model === undefined ? `several models are served: ${names}` : `no model ${model} is served; there is ${names}`,
    )
  }

  /** Never throws. */
  post(model: string, api: 'predict' | 'labels', body: string): Promise<Reply> {
    return this.#request('POST', `/v1/models/${encodeURIComponent(model)}/${api}`, body)
  }

  /** Ends at once what is under way. */
  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  async #request(method: 'GET' | 'POST', path: string, body?: string): Promise<Reply> {
    try {
      const { statusCode, body: stream } = await this.#pool.request({
        method,
        path: `${this.#address.prefix}${path}`,
        ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body }),
      })
      const answer = parseJson(await stream.text())
      if (statusCode === 200 && answer !== undefined) return { kind: 'answered', answer }
      if (statusCode === 200) return { kind: 'refused', status: statusCode, reason: '200: the answer is not JSON' }
      const told = (answer as { error?: unknown } | null | undefined)?.error
      const reason = `${statusCode}: ${typeof told === 'string' ? told : 'no reason given'}`
      const final = statusCode < 500 && statusCode !== 429 && statusCode !== 408
      return final ? { kind: 'refused', status: statusCode, reason } : { kind: 'failed', reason }
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error) }
    }
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // No JSON, as from a proxy's page: the caller says so.
  }
}

function isModelList(models: unknown): models is ModelDescription[] {
  const named = (list: unknown, key: 'type' | 'kind') =>
    Array.isArray(list) && list.every((item) => typeof item?.name === 'string' && typeof item[key] === 'string')
  return Array.isArray(models) && models.every((m) => typeof m?.name === 'string' && named(m.features, 'type') && named(m.outputs, 'kind'))
}

/** A failed connection by several addresses of one name has no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const { message, code } = error as NodeJS.ErrnoException
  return message || code || String(error)
}
