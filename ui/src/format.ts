const NONE = '–'
const NBSP = '\u00a0'

/** A number in about three digits, the same count of decimals within a decade so that a moving figure does not jump about; whole numbers are written as such. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return NONE
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞'
  const size = Math.abs(value)
  const sign = value < 0 ? '−' : ''
  if (size === 0) return '0'
  if (Number.isInteger(value) && size < 1e6) return sign + size.toLocaleString('en-US')
  if (size >= 1e12 || size < 1e-4) return value.toExponential(1).replaceAll('-', '−')
  if (size >= 1e9) return `${sign}${(size / 1e9).toFixed(2)}${NBSP}G`
  if (size >= 1e6) return `${sign}${(size / 1e6).toFixed(2)}${NBSP}M`
  if (size >= 99.95) return sign + Math.round(size).toLocaleString('en-US')
  if (size >= 9.995) return sign + size.toFixed(1)
  if (size >= 0.0995) return sign + size.toFixed(2)
  return sign + size.toFixed(size < 0.001 ? 4 : 3)
}

/** A population stability index: two decimals tell all there is to tell. */
export function formatPsi(psi: number | undefined): string {
  if (psi === undefined || !Number.isFinite(psi)) return formatNumber(psi)
  return psi < 0.005 && psi > 0 ? '0.00' : psi.toFixed(2)
}

/** An exact short form, for edges and tables: as JavaScript prints it, at most six significant digits. */
export function formatExact(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '−Inf'
  return String(Number(value.toPrecision(6))).replace('-', '−')
}

/** A ratio in [0, 1] as percent. */
export function formatPercent(ratio: number | undefined): string {
  if (ratio === undefined || !Number.isFinite(ratio)) return NONE
  const percent = ratio * 100
  if (percent === 0) return `0${NBSP}%`
  if (percent > 0 && percent < 0.1) return `<0.1${NBSP}%`
  return `${percent.toFixed(percent < 9.95 ? 1 : 0)}${NBSP}%`
}

/** A difference of shares in percentage points, always with its sign. */
export function formatPoints(difference: number): string {
  const points = Math.abs(difference * 100)
  if (points < 0.05) return '0.0'
  return `${difference < 0 ? '−' : '+'}${points.toFixed(1)}`
}

/** Seconds in the unit a reader would choose. */
export function formatSeconds(seconds: number | undefined): string {
  if (seconds === undefined || Number.isNaN(seconds)) return NONE
  if (!Number.isFinite(seconds)) return '∞'
  if (seconds === 0) return `0${NBSP}ms`
  if (seconds < 0.001) return `${formatNumber(seconds * 1e6)}${NBSP}µs`
  if (seconds < 1) return `${formatNumber(seconds * 1e3)}${NBSP}ms`
  return `${formatNumber(seconds)}${NBSP}s`
}

/** How long something has lasted, in one or two units. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.round(durationMs / 1000))
  if (seconds < 60) return `${seconds}${NBSP}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return minutes < 5 && seconds % 60 !== 0 ? `${minutes}${NBSP}min ${seconds % 60}${NBSP}s` : `${minutes}${NBSP}min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return minutes % 60 === 0 ? `${hours}${NBSP}h` : `${hours}${NBSP}h ${minutes % 60}${NBSP}min`
  const days = Math.floor(hours / 24)
  return days === 1 ? `1${NBSP}day` : `${days}${NBSP}days`
}

const two = (value: number) => String(value).padStart(2, '0')
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** A moment as the clock on the wall shows it, 24 hours; with the day when that is not today's. */
export function formatClock(timeMs: number, nowMs: number): string {
  const time = new Date(timeMs)
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`
  return time.toDateString() === new Date(nowMs).toDateString() ? clock : `${time.getDate()} ${months[time.getMonth()]} ${clock}`
}

/** Hours and minutes for a time axis; with seconds when ticks lie closer than a minute. */
export function formatTick(timeMs: number, stepMs: number): string {
  const time = new Date(timeMs)
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`
  return stepMs < 60_000 ? `${clock}:${two(time.getSeconds())}` : clock
}

/** A day, for things that happened long ago. */
export function formatDay(timeMs: number): string {
  const time = new Date(timeMs)
  return `${time.getDate()} ${months[time.getMonth()]} ${time.getFullYear()}`
}

/** "1 input", "2 inputs". */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** "a", "a and b", "a, b and c". */
export function listOf(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

/** A message of a program as a sentence, which others may follow; "" stays "". */
export function sentence(text: string): string {
  const trimmed = text.trim()
  return `${trimmed.charAt(0).toUpperCase()}${trimmed.slice(1)}${trimmed === '' || /[.!?]$/.test(trimmed) ? '' : '.'}`
}

/** Order of names by reading: "f2" before "f10". */
export const compareNames = new Intl.Collator('en', { numeric: true }).compare
