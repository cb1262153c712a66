import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { messageOf } from '../../core/errors.ts'
import { formatDuration } from '../../core/time.ts'
import type { QueryEngine, QueryOptions, QueryResult } from '../../plane/promql/contract.ts'
import type { ApiDeps } from './contract.ts'
import { apiErrors } from './errors.ts'
import { badData, durationParam, invalid, limitParam, paramsOf, requiredDurationParam, requiredTimeParam, timeParam } from './params.ts'
import type { QueryGate } from './query-gate.ts'
import { sendResult, success } from './reply.ts'
import type { Sending } from './sending.ts'

const stepsMaxDefault = 11_000

/** `/api/v1/query` and `/api/v1/query_range`. */
export function queryRoutes(
  app: FastifyInstance,
  { engine, clock, perStepStats = false, stepsMax = stepsMaxDefault }: ApiDeps,
  gate: QueryGate,
  sending: Sending,
): void {
  const ask = (params: URLSearchParams, reply: FastifyReply, evaluate: (options: QueryOptions) => Promise<QueryResult>) => {
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    const options = optionsOf(params, gone.signal, perStepStats)
    return gate.run(async (waitedMs) => withQueueTime(await evaluate(options), waitedMs / 1000), gone.signal, options.timeoutMs)
  }
  const instant = async (request: FastifyRequest, reply: FastifyReply) => {
    const params = paramsOf(request)
    const limit = limitParam(params)
    const timeMs = timeParam(params, 'time') ?? clock.now()
    const { query } = queryParam(params, engine)
    const result = await ask(params, reply, (options) => engine.instant(query, timeMs, options))
    sending.hold(result.value, reply.raw)
    return sendResult(reply, result, { seriesMax: limit, stats: statsParam(params) })
  }
  const range = async (request: FastifyRequest, reply: FastifyReply) => {
    const params = paramsOf(request)
    const limit = limitParam(params)
    const startMs = requiredTimeParam(params, 'start')
    const endMs = requiredTimeParam(params, 'end')
    if (endMs < startMs) throw invalid('end', 'end timestamp must not be before start time')
    const stepMs = requiredDurationParam(params, 'step')
    if (stepMs <= 0) throw invalid('step', 'zero or negative query resolution step widths are not accepted. Try a positive integer')
    if (Math.floor((endMs - startMs) / stepMs) > stepsMax) {
      throw apiErrors.MW_API_PARAMETER(
        `exceeded maximum resolution of ${stepsMax.toLocaleString('en')} points per timeseries. Try decreasing the query resolution (?step=XX)`,
        { hint: `A step of ${formatDuration(Math.ceil((endMs - startMs) / stepsMax))} or more fits.` },
      )
    }
    const { query, type } = queryParam(params, engine)
    if (type !== 'scalar' && type !== 'vector') {
      const shown = type === 'matrix' ? 'range vector' : type
      throw invalid('query', `invalid expression type "${shown}" for range query, must be Scalar or instant Vector`)
    }
    const result = await ask(params, reply, (options) => engine.range(query, { startMs, endMs, stepMs }, options))
    sending.hold(result.value, reply.raw)
    return sendResult(reply, result, { seriesMax: limit, stats: statsParam(params) })
  }
  app.route({ method: ['GET', 'POST'], url: '/api/v1/query', handler: instant })
  app.route({ method: ['GET', 'POST'], url: '/api/v1/query_range', handler: range })
}

/** The engine does not see the queue; as in Prometheus, the total holds it. */
function withQueueTime(result: QueryResult, queueTime: number): QueryResult {
  const { stats } = result
  if (stats === undefined) return result
  const { timings } = stats
  return {
    ...result,
    stats: { ...stats, timings: { ...timings, execQueueTime: queueTime, execTotalTime: timings.execTotalTime + queueTime } },
  }
}

/** What reads a query and does not run it: `/api/v1/format_query`, `/api/v1/parse_query`, `/api/v1/query_exemplars`. */
export function queryTextRoutes(app: FastifyInstance, { engine, formatQuery, parseQueryTree }: ApiDeps): void {
  const about = (read: (query: string) => unknown) => async (request: FastifyRequest) => {
    const query = paramsOf(request).get('query') ?? ''
    try {
      return success(read(query))
    } catch (error) {
      throw invalid('query', messageOf(error), error)
    }
  }
  const exemplars = async (request: FastifyRequest) => {
    const params = paramsOf(request)
    const fromMs = timeParam(params, 'start') ?? Number.NEGATIVE_INFINITY
    const toMs = timeParam(params, 'end') ?? Number.POSITIVE_INFINITY
    if (toMs < fromMs) throw badData(new Error('end timestamp must not be before start timestamp'))
    try {
      engine.check(params.get('query') ?? '')
    } catch (error) {
      throw badData(error)
    }
    return success([]) // The store keeps none.
  }
  app.route({ method: ['GET', 'POST'], url: '/api/v1/format_query', handler: about(formatQuery) })
  app.route({ method: ['GET', 'POST'], url: '/api/v1/parse_query', handler: about(parseQueryTree) })
  app.route({ method: ['GET', 'POST'], url: '/api/v1/query_exemplars', handler: exemplars })
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

/** Any text asks for the figures of the query; `all` for those of its steps too. */
function statsParam(params: URLSearchParams): boolean {
  return (params.get('stats') ?? '') !== ''
}

/** A query ends when its caller hangs up: nobody waits for the answer. */
function optionsOf(params: URLSearchParams, signal: AbortSignal, perStepStats: boolean): QueryOptions {
  const timeoutMs = durationParam(params, 'timeout')
  if (timeoutMs !== undefined && timeoutMs <= 0)
    throw invalid('timeout', `${JSON.stringify(params.get('timeout'))} is not a duration above 0`)
  const lookbackMs = lookbackParam(params)
  return {
    signal,
    perStepStats: perStepStats && params.get('stats') === 'all',
    ...(timeoutMs !== undefined && { timeoutMs }),
    // As in Prometheus, a time to look back of 0 or less is the default.
    ...(lookbackMs !== undefined && lookbackMs > 0 && { lookbackMs }),
  }
}

function lookbackParam(params: URLSearchParams): number | undefined {
  try {
    return durationParam(params, 'lookback_delta')
  } catch {
    const text = JSON.stringify(params.get('lookback_delta'))
    throw apiErrors.MW_API_PARAMETER(`error parsing lookback delta duration: cannot parse ${text} to a valid duration`)
  }
}
