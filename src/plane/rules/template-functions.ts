import { formatExponent, formatFixed, formatGeneral, parseNumber } from '../../core/number-text.ts'
import { ruleErrors } from './errors.ts'

/** A bigint is an integer literal, which Go prints otherwise than the float a value is. */
export type TemplateValue = string | number | bigint | Readonly<Record<string, string>>

export type TemplateFunction = (...args: TemplateValue[]) => TemplateValue

/** The functions templates may call, as Prometheus defines them. */
export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  humanize: (value) => humanize(toNumber(value)),
  humanize1024: (value) => humanize1024(toNumber(value)),
  humanizeDuration: (value) => humanizeDuration(toNumber(value)),
  humanizePercentage: (value) => `${formatGeneral(toNumber(value) * 100, 4)}%`,
  humanizeTimestamp: (value) => humanizeTimestamp(toNumber(value)),
  printf: (format, ...args) => printf(toText(format), args),
  title: (text) =>
    toText(text).replace(/(^|[^\p{L}\p{N}_'])(\p{Ll})/gu, (_, before: string, letter: string) => before + letter.toUpperCase()),
  toUpper: (text) => toText(text).toUpperCase(),
  toLower: (text) => toText(text).toLowerCase(),
}

const large = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y']
const large1024 = ['ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi']
const small = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y']

function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return formatGeneral(value, 4)
  return Math.abs(value) >= 1 ? scaled(value, large, 1000) : shrunk(value)
}

function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return formatGeneral(value, 4)
  return scaled(value, large1024, 1024)
}

function scaled(value: number, prefixes: readonly string[], base: number): string {
  let rest = value
  let prefix = ''
  for (const next of prefixes) {
    if (Math.abs(rest) < base) break
    prefix = next
    rest /= base
  }
  return formatGeneral(rest, 4) + prefix
}

function shrunk(value: number): string {
  let rest = value
  let prefix = ''
  for (const next of small) {
    if (Math.abs(rest) >= 1) break
    prefix = next
    rest *= 1000
  }
  return formatGeneral(rest, 4) + prefix
}

function humanizeDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return formatGeneral(seconds, 4)
  if (seconds === 0) return '0s'
  if (Math.abs(seconds) < 1) return `${shrunk(seconds)}s`
  const sign = seconds < 0 ? '-' : ''
  const whole = Math.trunc(Math.abs(seconds))
  const s = whole % 60
  const m = Math.floor(whole / 60) % 60
  const h = Math.floor(whole / 3600) % 24
  const d = Math.floor(whole / 86_400)
  if (d !== 0) return `${sign}${d}d ${h}h ${m}m ${s}s`
  if (h !== 0) return `${sign}${h}h ${m}m ${s}s`
  if (m !== 0) return `${sign}${m}m ${s}s`
  return `${sign}${formatGeneral(Math.abs(seconds), 4)}s`
}

/** `2015-12-31 09:00:00 +0000 UTC`, as Go prints a time; a fraction of a second follows the seconds. */
function humanizeTimestamp(seconds: number): string {
  if (!Number.isFinite(seconds)) return formatGeneral(seconds, 4)
  const timeMs = Math.floor(seconds * 1000)
  const date = new Date(timeMs)
  if (Number.isNaN(date.getTime())) throw ruleErrors.MW_RULE_TEMPLATE(`humanizeTimestamp: ${seconds} is no time`)
  const iso = date.toISOString()
  const fraction = iso.slice(19, 23).replace(/\.?0+$/, '')
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction} +0000 UTC`
}

const verb = /%([-+# 0]*)(\d*)(?:\.(\d*))?([a-zA-Z%])/g

/** Go's `printf` with %s %v %q %d %f %e %g, widths and precisions. An argument of the wrong kind is printed as Go does: `%!d(float64=3)`. */
function printf(format: string, args: readonly TemplateValue[]): string {
  let used = 0
  const text = format.replace(verb, (_, flags: string, width: string, precision: string | undefined, letter: string) => {
    if (letter === '%') return '%'
    if (used >= args.length) return `%!${letter}(MISSING)`
    const argument = args[used++]!
    const decimals = precision === undefined ? undefined : Number(precision || '0')
    return pad(formatVerb(letter, argument, decimals, flags), Number(width || '0'), flags)
  })
  const extra = args.slice(used).map((argument) => `${goType(argument)}=${toText(argument)}`)
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(', ')})`
}

function formatVerb(letter: string, argument: TemplateValue, decimals: number | undefined, flags: string): string {
  const signed = (text: string) => (flags.includes('+') && !/^[-+]/.test(text) ? `+${text}` : text)
  if (letter === 'v') return typeof argument === 'number' && decimals !== undefined ? formatGeneral(argument, decimals) : toText(argument)
  if (typeof argument === 'string') {
    const cut = decimals === undefined ? argument : [...argument].slice(0, decimals).join('')
    if (letter === 's') return cut
    if (letter === 'q') return JSON.stringify(cut)
  }
  if (typeof argument === 'bigint' && letter === 'd') return signed(argument.toString())
  if (typeof argument === 'number') {
    if (letter === 'f' || letter === 'F') return signed(formatFixed(argument, decimals ?? 6))
    if (letter === 'e') return signed(formatExponent(argument, decimals ?? 6))
    if (letter === 'g') return signed(formatGeneral(argument, decimals))
  }
  return `%!${letter}(${goType(argument)}=${toText(argument)})`
}

function pad(text: string, width: number, flags: string): string {
  if (flags.includes('-')) return text.padEnd(width)
  if (!flags.includes('0')) return text.padStart(width)
  const sign = /^[-+]/.exec(text)?.[0] ?? ''
  return sign + text.slice(sign.length).padStart(width - sign.length, '0')
}

function goType(value: TemplateValue): string {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'number') return 'float64'
  return typeof value === 'bigint' ? 'int' : 'map[string]string'
}

function toNumber(value: TemplateValue | undefined): number {
  const number =
    typeof value === 'string' ? parseNumber(value) : typeof value === 'object' || value === undefined ? undefined : Number(value)
  if (number === undefined) throw ruleErrors.MW_RULE_TEMPLATE(`${value === undefined ? 'nothing' : JSON.stringify(value)} is not a number`)
  return number
}

/** As Go's `%v` prints it. */
export function toText(value: TemplateValue | undefined): string {
  if (value === undefined) throw ruleErrors.MW_RULE_TEMPLATE('an argument is missing')
  if (typeof value === 'string') return value
  if (typeof value === 'number') return formatGeneral(value)
  if (typeof value === 'bigint') return value.toString()
  const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `map[${pairs.map(([name, text]) => `${name}:${text}`).join(' ')}]`
}
