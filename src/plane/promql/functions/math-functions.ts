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
  ['atan', Math.atan],
  ['sinh', Math.sinh],
  ['cosh', Math.cosh],
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

/** The last second a `Date` can tell. */
const DATE_SECONDS_MAX = 8.64e12
/** The calendar repeats itself. */
const SECONDS_PER_400_YEARS = 146_097n * 86_400n
/** Where Go's calendar begins, in Unix seconds: -292277022399-01-01. */
const CALENDAR_START = -9_223_372_028_741_760_000n

/** @param part - Is given a date, and by how many times 400 years the true one is later. */
function ofDate(part: (date: Date, cycles: number) => number): (seconds: number) => number {
  return (seconds) => {
    if (Math.abs(seconds) <= DATE_SECONDS_MAX) return part(new Date(Math.trunc(seconds) * 1000), 0)
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

/** xʸ with C's edge cases: 1 to any power, and −1 to an infinite one, are 1; JavaScript says NaN. */
export function power(x: number, y: number): number {
  if (x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY)) return 1
  return x ** y
}
