import { arcTangent } from './arc-tangent.ts'

/** From here on Go takes sinh and cosh for half of eˣ, and so ends in infinity where eˣ does, a little early. */
const HALF_EXP_MIN = 21

/** Functions of one number, by name. What is not among them is computed otherwise. */
export const mathFunctions: ReadonlyMap<string, (x: number) => number> = new Map([
  ['abs', Math.abs],
  ['ceil', Math.ceil],
  ['floor', Math.floor],
  ['exp', Math.exp],
  ['sqrt', Math.sqrt],
  ['ln', Math.log],
  ['log2', Math.log2],
  ['log10', Math.log10],
  ['sgn', Math.sign],
  ['sin', Math.sin],
  ['cos', Math.cos],
  ['tan', Math.tan],
  ['asin', Math.asin],
  ['acos', Math.acos],
  ['atan', arcTangent],
  ['sinh', (x: number) => (Math.abs(x) > HALF_EXP_MIN ? Math.sign(x) * Math.exp(Math.abs(x)) * 0.5 : Math.sinh(x))],
  ['cosh', (x: number) => (Math.abs(x) > HALF_EXP_MIN ? Math.exp(Math.abs(x)) * 0.5 : Math.cosh(x))],
  ['tanh', Math.tanh],
  ['asinh', Math.asinh],
  ['acosh', Math.acosh],
  ['atanh', Math.atanh],
  ['deg', (x: number) => (x * 180) / Math.PI],
  ['rad', (x: number) => (x * Math.PI) / 180],
])

/** Calendar functions of a Unix time in seconds, in UTC, by name. */
export const dateFunctions: ReadonlyMap<string, (seconds: number) => number> = new Map([
  ['year', ofDate((date, cycles) => date.getUTCFullYear() + 400 * cycles)],
  ['month', ofDate((date) => date.getUTCMonth() + 1)],
  ['day_of_month', ofDate((date) => date.getUTCDate())],
  ['day_of_week', ofDate((date) => date.getUTCDay())],
  ['day_of_year', ofDate((date) => 1 + Math.round((startOfDay(date) - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000))],
  ['days_in_month', ofDate((date) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate())],
  ['hour', ofDate((date) => date.getUTCHours())],
  ['minute', ofDate((date) => date.getUTCMinutes())],
])

/** Years of four digits, about. `Date` takes those below 100 for others, and has an end. */
const PLAIN_SECONDS_MIN = -3e10
const PLAIN_SECONDS_MAX = 2.5e11
/** The calendar repeats itself. */
const SECONDS_PER_400_YEARS = 146_097n * 86_400n
/** Where Go's calendar begins, in Unix seconds: -292277022399-01-01. */
const CALENDAR_START = -9_223_372_028_741_760_000n

/** @param part - Is given a date, and by how many times 400 years the true one is later. */
function ofDate(part: (date: Date, cycles: number) => number): (seconds: number) => number {
  return (seconds) => {
    if (seconds >= PLAIN_SECONDS_MIN && seconds <= PLAIN_SECONDS_MAX) return part(new Date(Math.trunc(seconds) * 1000), 0)
    const whole = toGoSeconds(seconds)
    let rest = whole % SECONDS_PER_400_YEARS
    if (rest < 0n) rest += SECONDS_PER_400_YEARS
    return part(new Date(Number(rest) * 1000), Number((whole - rest) / SECONDS_PER_400_YEARS))
  }
}

/** What Go makes of a number of seconds: no 64-bit integer becomes the least of them, and what is before its calendar comes out behind it. */
function toGoSeconds(seconds: number): bigint {
  const whole = Math.abs(seconds) < 2 ** 63 ? BigInt(Math.trunc(seconds)) : -(2n ** 63n)
  return whole < CALENDAR_START ? whole + 2n ** 64n : whole
}

/** Go's `math.Max`: infinity wins even over NaN. */
export function greater(a: number, b: number): number {
  if (a === Number.POSITIVE_INFINITY || b === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY
  return Math.max(a, b)
}

/** Go's `math.Min`: negative infinity wins even over NaN. */
export function lesser(a: number, b: number): number {
  if (a === Number.NEGATIVE_INFINITY || b === Number.NEGATIVE_INFINITY) return Number.NEGATIVE_INFINITY
  return Math.min(a, b)
}

function startOfDay(date: Date): number {
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate())
}

/** Rounds to the nearest multiple, halves upwards. */
export function roundTo(x: number, nearest: number): number {
  // By the inverse, as Prometheus does: 1/0.1 is exact where 0.1 is not.
  const inverse = 1 / nearest
  return Math.floor(x * inverse + 0.5) / inverse
}
