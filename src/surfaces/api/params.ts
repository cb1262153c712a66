import type { FastifyRequest } from 'fastify'
import { ModelwatchError, messageOf } from '../../core/errors.ts'
import { parseNumber } from '../../core/number-text.ts'
import { parseDurationMs } from '../../core/time.ts'
import type { Matcher, TimeRange } from '../../plane/store/contract.ts'
import { apiErrors } from './errors.ts'

/** The parameters of a request: those of a posted form first, then those of the address, as Go servers read them. */
export function paramsOf(request: FastifyRequest): URLSearchParams {
  const url = request.raw.url ?? '/'
  const at = url.indexOf('?')
  const params = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  if (!(request.body instanceof URLSearchParams)) return params
  return new URLSearchParams([...request.body, ...params])
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
  if (timeMs === undefined)
    throw invalid(name, `invalid time value for '${name}': cannot parse ${JSON.stringify(text)} to a valid timestamp`)
  return timeMs
}

export function requiredTimeParam(params: URLSearchParams, name: string): number {
  const text = params.get(name) ?? ''
  const timeMs = parseTimeMs(text)
  if (timeMs === undefined) throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`)
  return timeMs
}

export function durationParam(params: URLSearchParams, name: string): number | undefined {
  const text = params.get(name)
  if (text === null || text === '') return undefined
  return requiredDurationParam(params, name)
}

export function requiredDurationParam(params: URLSearchParams, name: string): number {
  const text = params.get(name) ?? ''
  const durationMs = parseStepMs(text)
  if (durationMs === undefined) throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid duration`)
  return durationMs
}

/** An integer as Go's `strconv.Atoi` reads it, or what that says. */
export function parseInteger(text: string): number | string {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : undefined
  if (value === undefined) return `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`
  return Number.isSafeInteger(value) ? value : `strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`
}

/** A count; 0 and absence mean no limit. */
export function limitParam(params: URLSearchParams, name = 'limit'): number {
  const text = params.get(name)
  if (text === null || text === '') return Number.POSITIVE_INFINITY
  const value = parseInteger(text)
  if (typeof value === 'string') throw invalid(name, value)
  if (value < 0) throw invalid(name, `${name} must be non-negative`)
  return value || Number.POSITIVE_INFINITY
}

/** A truth value as Go's `strconv.ParseBool` reads it; false where it is absent. @param context - Stands before the reason in the error. */
export function booleanParam(params: URLSearchParams, name: string, context: string): boolean {
  const text = params.get(name)
  if (text === null || text === '') return false
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false
  throw invalid(name, `${context}: strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
}

/** `start` and `end`, all of time where they are not given. The range may be empty: see `isEmpty`. */
export function rangeParam(params: URLSearchParams): TimeRange {
  const fromMs = timeParam(params, 'start') ?? Number.MIN_SAFE_INTEGER
  const toMs = timeParam(params, 'end') ?? Number.MAX_SAFE_INTEGER
  return { fromMs, toMs }
}

export const isEmpty = (range: TimeRange) => range.toMs < range.fromMs

/** A selector of everything is refused by the API in words of its own. */
const NO_MATCHER = 'must contain at least one non-empty matcher'

/**
 * The selectors of `match[]`.
 * @param named - Whether an error names the parameter: Prometheus does so for some addresses only.
 */
export function matchParam(
  params: URLSearchParams,
  parseSelector: (text: string) => readonly Matcher[],
  named = true,
): (readonly Matcher[])[] {
  return params.getAll('match[]').map((text) => {
    try {
      return parseSelector(text)
    } catch (error) {
      if (messageOf(error).endsWith(NO_MATCHER)) throw invalid('match[]', `match[] ${NO_MATCHER}`, error)
      throw named ? invalid('match[]', messageOf(error), error) : badData(error)
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
  return apiErrors.MW_API_PARAMETER(`invalid parameter "${name}": ${reason}`, hintOf(cause))
}

/** A fault of a parameter told in the words of whoever found it. */
export function badData(cause: unknown) {
  return apiErrors.MW_API_PARAMETER(messageOf(cause), hintOf(cause))
}

function hintOf(cause: unknown): { cause?: unknown; hint?: string } {
  return { cause, ...(cause instanceof ModelwatchError && { hint: cause.hint }) }
}
