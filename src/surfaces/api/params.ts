import type { FastifyRequest } from 'fastify'
import { messageOf } from '../../core/errors.ts'
import { parseNumber } from '../../core/number-text.ts'
import { parseDurationMs } from '../../core/time.ts'
import type { Matcher, TimeRange } from '../../plane/store/contract.ts'
import { apiErrors } from './errors.ts'

/** The parameters of a request: those of a posted form first, then those of the address, as Go servers read them. */
export function paramsOf(request: FastifyRequest): URLSearchParams {
  const { searchParams } = new URL(request.raw.url ?? '/', 'http://localhost')
  if (!(request.body instanceof URLSearchParams)) return searchParams
  return new URLSearchParams([...request.body, ...searchParams])
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/

/** RFC 3339 or Unix seconds on the wire; whole milliseconds inside. */
export function parseTimeMs(text: string): number | undefined {
  const seconds = parseNumber(text)
  if (seconds !== undefined) return Number.isFinite(seconds) ? toMs(seconds) : undefined
  const timeMs = rfc3339.test(text) ? Date.parse(text.toUpperCase()) : Number.NaN
  return Number.isNaN(timeMs) ? undefined : timeMs
}

/** A number of seconds or a duration such as `5m`; whole milliseconds inside. */
export function parseStepMs(text: string): number | undefined {
  const seconds = parseNumber(text)
  if (seconds !== undefined) return Number.isFinite(seconds) ? toMs(seconds) : undefined
  return parseDurationMs(text)
}

/** A time in milliseconds that a double holds exactly; else the caller sees a refusal. */
function toMs(seconds: number): number | undefined {
  const ms = Math.round(seconds * 1000)
  return Number.isSafeInteger(ms) ? ms : undefined
}

export function timeParam(params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name)
  if (text === null || text === '') return undefined
  const timeMs = parseTimeMs(text)
  if (timeMs === undefined) throw invalid(name, `cannot parse "${text}" to a valid timestamp`)
  return timeMs
}

export function requiredTimeParam(params: URLSearchParams, name: string): number {
  const timeMs = timeParam(params, name)
  if (timeMs === undefined) throw invalid(name, 'cannot parse "" to a valid timestamp')
  return timeMs
}

export function durationParam(params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name)
  if (text === null || text === '') return undefined
  const durationMs = parseStepMs(text)
  if (durationMs === undefined) throw invalid(name, `cannot parse "${text}" to a valid duration`)
  return durationMs
}

/** A count; 0 and absence mean no limit. */
export function limitParam(params: URLSearchParams, name = 'limit'): number {
  const text = params.get(name)
  if (text === null || text === '') return Number.POSITIVE_INFINITY
  if (!/^\d+$/.test(text)) throw invalid(name, `"${text}" is not a count of 0 or more`)
  return Number(text) || Number.POSITIVE_INFINITY
}

/** `start` and `end`, all of time where they are not given. */
export function rangeParam(params: URLSearchParams): TimeRange {
  const fromMs = timeParam(params, 'start') ?? Number.MIN_SAFE_INTEGER
  const toMs = timeParam(params, 'end') ?? Number.MAX_SAFE_INTEGER
  if (toMs < fromMs) throw invalid('end', 'end timestamp must not be before start timestamp')
  return { fromMs, toMs }
}

/** The selectors of `match[]`. */
export function matchParam(params: URLSearchParams, parseSelector: (text: string) => readonly Matcher[]): (readonly Matcher[])[] {
  return params.getAll('match[]').map((text) => {
    try {
      return parseSelector(text)
    } catch (error) {
      throw invalid('match[]', messageOf(error), error)
    }
  })
}

/** Refuses parameters that are known and not supported, rather than answer as if they were not there. */
export function refuse(params: URLSearchParams, names: readonly string[]): void {
  for (const name of names) {
    if ((params.get(name) ?? '') !== '') throw apiErrors.MW_API_UNSUPPORTED(`parameter "${name}" is not supported by this version`)
  }
}

export function invalid(name: string, reason: string, cause?: unknown) {
  return apiErrors.MW_API_PARAMETER(`invalid parameter "${name}": ${reason}`, { cause })
}
