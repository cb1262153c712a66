import type { FastifyRequest } from 'fastify'
import { ModelwatchError, messageOf } from '../../core/errors.ts'
import { parseNumber } from '../../core/number-text.ts'
import { parseDurationMs } from '../../core/time.ts'
import { createPace } from '../../core/turns.ts'
import type { Matcher, TimeRange } from '../../plane/store/contract.ts'
import { apiErrors } from './errors.ts'

/** The parameters of a request: those of a posted form first, then those of the address, as Go servers read them. */
export function paramsOf(request: FastifyRequest): URLSearchParams {
  const url = request.raw.url ?? '/'
  const at = url.indexOf('?')
  const params = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
  const { body } = request
  if (!(body instanceof URLSearchParams)) return params
  for (const [name, value] of params) body.append(name, value)
  return body
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:Z|[+-](\d{2}):(\d{2}))$/

/** What clients send that were written against Go and mean "from the beginning" and "to the end". */
const ends: Readonly<Record<string, number>> = {
  '-292273086-05-16T16:47:06Z': Number.MIN_SAFE_INTEGER,
  '292277025-08-18T07:12:54.999999999Z': Number.MAX_SAFE_INTEGER,
}

/**
 * RFC 3339 or Unix seconds on the wire; whole milliseconds inside. Of seconds the fraction is rounded by itself, as in Prometheus, so that both take the same
 * steps: 1.0005 is 1.000, for its fraction is a little less than half a millisecond.
 * @returns undefined when it is no time, or one that a double does not hold exactly. */
export function parseTimeMs(text: string): number | undefined {
  const seconds = parseNumber(text)
  if (seconds !== undefined) {
    const whole = Math.trunc(seconds)
    const fractionMs = (seconds - whole) * 1000
    const timeMs = whole * 1000 + Math.sign(fractionMs) * Math.round(Math.abs(fractionMs))
    return Number.isSafeInteger(timeMs) ? timeMs : undefined
  }
  return ends[text] ?? parseDate(text.toUpperCase())
}

/** JavaScript reads the 30th of February as the 2nd of March; here it is no time. */
function parseDate(text: string): number | undefined {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second, offsetHour, offsetMinute] = match.slice(1).map((part) => Number(part ?? 0)) as number[]
  const daysInMonth = new Date(Date.UTC(2000 + (year! % 400), month!, 0)).getUTCDate()
  const isDate = month! >= 1 && month! <= 12 && day! >= 1 && day! <= daysInMonth
  if (!isDate || hour! > 23 || minute! > 59 || second! > 59 || offsetHour! > 23 || offsetMinute! > 59) return undefined
  return Date.parse(text)
}

/**
 * A number of seconds or a duration such as `5m`; whole milliseconds inside. Seconds become nanoseconds and then milliseconds, cut off each time as in
 * Prometheus, so that both take the same steps: 1.001 s is 1000 ms, for 1.001 · 10⁹ is a little less than 1001000000.
 */
export function parseStepMs(text: string): number | undefined {
  const seconds = parseNumber(text)
  if (seconds === undefined) return parseDurationMs(text)
  return overflows(seconds) ? undefined : Math.trunc(Math.trunc(seconds * 1e9) / 1e6)
}

/** Whether it passes what Go counts in nanoseconds: 292 years. */
const overflows = (seconds: number) => Number.isNaN(seconds) || Math.abs(seconds) * 1e9 >= 2 ** 63

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
  if (durationMs === undefined) {
    const why = parseNumber(text) === undefined ? '' : '. It overflows int64'
    throw invalid(name, `cannot parse ${JSON.stringify(text)} to a valid duration${why}`)
  }
  return durationMs
}

/** An integer as Go's `strconv.Atoi` reads it, or what that says. */
export function parseInteger(text: string): number | string {
  if (!/^[+-]?\d+$/.test(text)) return `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`
  const value = Number(text)
  // What a double does not hold exactly is large enough to mean "all" either way.
  if (Number.isSafeInteger(value) || (text.length <= 20 && BigInt.asIntN(64, BigInt(text)) === BigInt(text))) return value
  return `strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`
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

/** A count as the metadata routes read it: 0 is nothing at all, and what is negative sets no limit. */
export function countParam(params: URLSearchParams, name: string): number {
  const text = params.get(name)
  if (text === null || text === '') return Number.POSITIVE_INFINITY
  const value = parseInteger(text)
  if (typeof value === 'string') throw apiErrors.MW_API_PARAMETER(`${name} must be a number`)
  return value < 0 ? Number.POSITIVE_INFINITY : value
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

/** Selectors one request may bring; each costs some microseconds, and a search of its own. */
const SELECTORS_MAX = 10_000

/**
 * The selectors of `match[]`.
 * @param named - Whether an error names the parameter: Prometheus does so for some addresses only.
 */
export async function matchParam(
  params: URLSearchParams,
  parseSelector: (text: string) => readonly Matcher[],
  named = true,
): Promise<(readonly Matcher[])[]> {
  const texts = params.getAll('match[]')
  if (texts.length > SELECTORS_MAX)
    throw invalid('match[]', `there are ${texts.length} selectors; at most ${SELECTORS_MAX} are read in one request`)
  const parse = (text: string) => {
    try {
      return parseSelector(text)
    } catch (error) {
      if (messageOf(error).endsWith(NO_MATCHER)) throw invalid('match[]', `match[] ${NO_MATCHER}`, error)
      throw named ? invalid('match[]', messageOf(error), error) : badData(error)
    }
  }
  const sets: (readonly Matcher[])[] = []
  const pace = createPace()
  for (const text of texts) {
    sets.push(parse(text))
    if (pace.due(100 + text.length)) await pace.breathe()
  }
  return sets
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
