import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { messageOf } from '../../core/errors.ts'
import { formatDuration } from '../../core/time.ts'
import type { QueryEngine, QueryOptions } from '../../plane/promql/contract.ts'
import type { ApiDeps } from './contract.ts'
import { apiErrors } from './errors.ts'
import { durationParam, invalid, limitParam, paramsOf, requiredTimeParam, timeParam } from './params.ts'
import { createQueryGate } from './query-gate.ts'
import { sendResult } from './reply.ts'

/** Points one series of a range query may have, as in Prometheus. */
const pointsMax = 11_000
/** Queries under way at once, and those that wait for their turn. */
const runningMax = 8
const waitingMax = 200

/** `/api/v1/query` and `/api/v1/query_range`. */
export function queryRoutes(app: FastifyInstance, { engine, clock }: ApiDeps): void {
  const gate = createQueryGate({ runningMax, waitingMax })
  const ask = <T>(params: URLSearchParams, reply: FastifyReply, evaluate: (options: QueryOptions) => Promise<T>): Promise<T> => {
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    const options = optionsOf(params, gone.signal)
    return gate.run(() => evaluate(options), gone.signal)
  }
  const instant = async (request: FastifyRequest, reply: FastifyReply) => {
    const params = paramsOf(request)
    const limit = limitParam(params)
    const timeMs = timeParam(params, 'time') ?? clock.now()
    const { query } = queryParam(params, engine)
    return sendResult(reply, await ask(params, reply, (options) => engine.instant(query, timeMs, options)), limit)
  }
  const range = async (request: FastifyRequest, reply: FastifyReply) => {
    const params = paramsOf(request)
    const limit = limitParam(params)
    const startMs = requiredTimeParam(params, 'start')
    const endMs = requiredTimeParam(params, 'end')
    if (endMs < startMs) throw invalid('end', 'end timestamp must not be before start time')
    const stepMs = durationParam(params, 'step')
    if (stepMs === undefined) throw invalid('step', 'cannot parse "" to a valid duration')
    if (stepMs <= 0) throw invalid('step', 'zero or negative query resolution step widths are not accepted. Try a positive integer')
    if ((endMs - startMs) / stepMs > pointsMax) {
      throw apiErrors.MW_API_PARAMETER(
        'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
        { hint: `A step of ${formatDuration(Math.ceil((endMs - startMs) / pointsMax))} or more fits.` },
      )
    }
    const { query, type } = queryParam(params, engine)
    if (type !== 'scalar' && type !== 'vector') {
      const shown = type === 'matrix' ? 'range vector' : type
      throw invalid('query', `invalid expression type "${shown}" for range query, must be Scalar or instant Vector`)
    }
    return sendResult(reply, await ask(params, reply, (options) => engine.range(query, { startMs, endMs, stepMs }, options)), limit)
  }
  app.route({ method: ['GET', 'POST'], url: '/api/v1/query', handler: instant })
  app.route({ method: ['GET', 'POST'], url: '/api/v1/query_range', handler: range })
}

/** The query and its type. One that does not parse is a bad parameter, not a failed evaluation. */
function queryParam(params: URLSearchParams, engine: QueryEngine): { query: string; type: ReturnType<QueryEngine['check']> } {
  const query = params.get('query') ?? ''
  try {
    return { query, type: engine.check(query) }
  } catch (error) {
    throw invalid('query', messageOf(error), error)
  }
}

/** A query ends when its caller hangs up: nobody waits for the answer. */
function optionsOf(params: URLSearchParams, signal: AbortSignal): QueryOptions {
  const timeoutMs = durationParam(params, 'timeout')
  if (timeoutMs !== undefined && timeoutMs <= 0) throw invalid('timeout', `"${params.get('timeout')}" is not a duration above 0`)
  const lookbackMs = durationParam(params, 'lookback_delta')
  // As in Prometheus, a time to look back of 0 or less is the default.
  return { signal, ...(timeoutMs !== undefined && { timeoutMs }), ...(lookbackMs !== undefined && lookbackMs > 0 && { lookbackMs }) }
}
