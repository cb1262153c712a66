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

/** Calendar functions of a Unix time in seconds, in UTC, by name; NaN for a time outside of the calendar. */
export const dateFunctions: ReadonlyMap<string, (seconds: number) => number> = new Map([
  ['year', ofDate((date) => date.getUTCFullYear())],
  ['month', ofDate((date) => date.getUTCMonth() + 1)],
  ['day_of_month', ofDate((date) => date.getUTCDate())],
  ['day_of_week', ofDate((date) => date.getUTCDay())],
  ['day_of_year', ofDate((date) => 1 + Math.round((startOfDay(date) - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000))],
  ['days_in_month', ofDate((date) => new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate())],
  ['hour', ofDate((date) => date.getUTCHours())],
  ['minute', ofDate((date) => date.getUTCMinutes())],
])

function ofDate(part: (date: Date) => number): (seconds: number) => number {
  return (seconds) => part(new Date(Math.trunc(seconds) * 1000))
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
