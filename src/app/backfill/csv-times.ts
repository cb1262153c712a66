/** How a CSV file may write times. `auto` tells them apart by their look. */
export const timeFormats = ['auto', 'seconds', 'milliseconds', 'rfc3339', 'date'] as const
export type TimeFormat = (typeof timeFormats)[number]

/** 1973 in milliseconds, and the year 5138 in seconds: a number below is seconds, one above milliseconds. */
const MILLISECONDS_MIN = 1e11
/** 1973 in seconds: a smaller number in a file is more often a date such as 20240131, or an index, than a time. */
const SECONDS_MIN = 1e8
const MILLISECONDS_MAX = 1e14

const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const calendar = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?\s?([Zz]|[+-]\d\d:?\d\d)?)?$/

/**
 * Reads a time of a CSV cell.
 *
 * - `seconds`, `milliseconds`: since 1970, with a fraction or without.
 * - `rfc3339`: `2026-11-20T08:30:00.250+01:00`; a blank for the T and a zone without its colon are taken too. The zone must be there.
 * - `date`: `2026-11-20`, `2026-11-20 08:30` or `2026-11-20 08:30:00.250`, without a zone: UTC.
 * - `auto`: either of the last two; numbers from 10⁸ to 10¹¹ are seconds, from 10¹¹ to 10¹⁴ milliseconds, others are refused.
 *
 * @returns milliseconds since 1970, rounded to the nearest; or what is wrong with it, in words.
 */
export function parseTimeMs(cell: string, format: TimeFormat): number | string {
  const text = cell.trim()
  if (text === '') return 'is empty'
  if (number.test(text)) return fromNumber(Number(text), text, format)
  if (format === 'seconds' || format === 'milliseconds') return `is ${JSON.stringify(cell)}, which is no number`
  const match = calendar.exec(text)
  if (match === null) return `is ${JSON.stringify(cell)}, which is no time`
  const zone = match[8]
  if (format === 'date' && zone !== undefined)
    return `is ${JSON.stringify(cell)}, with a zone; such times are read with --time-format rfc3339`
  if (format === 'rfc3339' && zone === undefined)
    return `is ${JSON.stringify(cell)}, without a zone; such times are read with --time-format date`
  return fromCalendar(match) ?? `is ${JSON.stringify(cell)}, and there is no such time`
}

function fromNumber(value: number, text: string, format: TimeFormat): number | string {
  if (format === 'rfc3339' || format === 'date') return `is the number ${text}, where a date was expected`
  const size = Math.abs(value)
  if (format === 'auto' && (size < SECONDS_MIN || size >= MILLISECONDS_MAX)) {
    return `is the number ${text}, neither seconds nor milliseconds since 1970 by its size; say which with --time-format`
  }
  const isSeconds = format === 'seconds' || (format === 'auto' && size < MILLISECONDS_MIN)
  const timeMs = Math.round(isSeconds ? value * 1000 : value)
  return Number.isSafeInteger(timeMs) ? timeMs : `is the number ${text}, too far away to be a time`
}

function fromCalendar(match: RegExpExecArray): number | undefined {
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (hour > 23 || minute > 59 || second > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  // The 30th of February would be taken for a day in March.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const offsetMinutes = zoneMinutes(match[8])
  if (offsetMinutes === undefined) return undefined
  const fractionMs = Math.round(Number(match[7] ?? 0) * 1000)
  return date.getTime() + ((hour * 60 + minute - offsetMinutes) * 60 + second) * 1000 + fractionMs
}

function zoneMinutes(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z' || zone === 'z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(-2))
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}
