/*
 * Test support: reads promqltest scripts. A script is made of blocks, which a blank line or a comment ends: `load` and its series, `eval` and
 * what is expected of it, `clear`.
 */
import { type Labels, toLabels } from '../../../core/labels.ts'
import { parseDurationMs } from '../../../core/time.ts'
import { unquote } from '../language/literals.ts'

export interface Block {
  readonly line: number
  readonly head: string
  readonly body: readonly string[]
}

const command = /^(?:load(?:_with_nhcb)?\s+\S+$|clear$|eval(?:_\w+)?\s+(?:instant|range)\s)/

export function toBlocks(script: string): Block[] {
  const blocks: { line: number; head: string; body: string[] }[] = []
  let open = false
  for (const [i, raw] of script.split('\n').entries()) {
    const text = raw.trim()
    if (text === '' || text.startsWith('#')) open = false
    else if (open && !command.test(text)) blocks.at(-1)!.body.push(text)
    else {
      blocks.push({ line: i + 1, head: text, body: [] })
      open = true
    }
  }
  return blocks
}

export interface SeriesLine {
  readonly labels: Labels
  /** undefined is a gap. */
  readonly points: readonly Point[]
}
export type Point = number | 'stale' | undefined

export function toMs(text: string): number {
  const negative = text.startsWith('-')
  const durationMs = parseDurationMs(negative ? text.slice(1) : text) ?? Number(text.replace(/^-/, '')) * 1000
  if (Number.isNaN(durationMs)) throw new Error(`not a duration: ${text}`)
  return negative ? -durationMs : durationMs
}

const stringPattern = String.raw`"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\x60[^\x60]*\x60`
const seriesHead = new RegExp(String.raw`^([a-zA-Z_:][\w:]*)?\s*(\{(?!\{)(?:${stringPattern}|[^}"'\x60])*\})?(?:@st\b)?\s*`)
const labelPattern = new RegExp(String.raw`(?:([a-zA-Z_][\w.]*)|(${stringPattern}))\s*(?:=\s*(${stringPattern}))?`, 'g')

export function toSeries(line: string): SeriesLine {
  const [head, name = '', braces = ''] = seriesHead.exec(line)!
  const record: Record<string, string> = name === '' ? {} : { __name__: name }
  for (const [, bare, quoted, value] of braces.matchAll(labelPattern)) {
    const label = bare ?? unquote(quoted!)!
    if (value === undefined) record.__name__ = label
    else record[label] = unquote(value)!
  }
  // Start timestamps are not kept.
  if (head.trimEnd().endsWith('@st')) return { labels: toLabels(record), points: [] }
  return { labels: toLabels(record), points: toPoints(line.slice(head.length)) }
}

const number = String.raw`[+-]?(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)`
const pointPattern = new RegExp(String.raw`^(?:(_)|(stale)|(\{\{.*\}\})|(${number})(?:([+-])(${number}))?)(?:x(\d+))?$`, 'i')

function toPoints(text: string): Point[] {
  const points: Point[] = []
  // A native histogram holds blanks: it is one token all the same.
  for (const token of text.replace(/\{\{.*?\}\}/g, (histogram) => histogram.replace(/\s+/g, ',')).split(/\s+/)) {
    if (token === '') continue
    if (token.startsWith('#')) break
    const match = pointPattern.exec(token)
    if (match === null) throw new Error(`not a point: ${token}`)
    const [, gap, stale, histogram, first, sign, step, times] = match
    const repeats = times === undefined ? 0 : Number(times)
    if (gap !== undefined) points.push(...Array<undefined>(times === undefined ? 1 : repeats))
    else if (stale !== undefined) points.push(...Array<'stale'>(repeats + 1).fill('stale'))
    else if (histogram !== undefined) points.push(...Array<undefined>(repeats + 1))
    else {
      let value = toNumber(first!)
      const increment = step === undefined ? 0 : toNumber(step) * (sign === '-' ? -1 : 1)
      for (let i = 0; i <= repeats; i++) {
        points.push(value)
        value += increment
      }
    }
  }
  return points
}

function toNumber(text: string): number {
  if (/nan$/i.test(text)) return Number.NaN
  if (/inf$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return Number(text)
}

export interface Times {
  readonly startMs: number
  readonly endMs: number
  readonly stepMs: number
}

export interface Expectation {
  readonly kind: 'fail' | 'warn' | 'info'
  readonly matches: (message: string) => boolean
}

export interface Eval {
  readonly line: number
  readonly query: string
  /** An instant query has only a start. */
  readonly times: Times
  readonly isRange: boolean
  readonly ordered: boolean
  readonly expectations: readonly Expectation[]
  readonly forbids: ReadonlySet<'warn' | 'info'>
  readonly string: string | undefined
  readonly scalar: number | undefined
  /** The grid of an instant query's range vector. */
  readonly matrix: Times | undefined
  readonly series: readonly SeriesLine[]
}

const anything = () => true

export function toEval({ line, head, body }: Block): Eval {
  const instant = /^eval(?:_(\w+))?\s+instant\s+at\s+(\S+)\s+(.*)$/s.exec(head)
  const range = /^eval(?:_(\w+))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+)\s+(.*)$/s.exec(head)
  const match = instant ?? range
  if (match === null) throw new Error(`line ${line}: not an eval: ${head}`)
  const times = { startMs: toMs(match[2]!), endMs: toMs(range?.[3] ?? match[2]!), stepMs: range === null ? 1 : toMs(range[4]!) }
  const flavour = match[1]
  const expectations: Expectation[] = []
  const forbids = new Set<'warn' | 'info'>()
  if (flavour === 'fail' || flavour === 'warn' || flavour === 'info') expectations.push({ kind: flavour, matches: anything })
  let ordered = flavour === 'ordered'
  let expectedString: string | undefined
  let scalar: number | undefined
  let matrix: Times | undefined
  const series: SeriesLine[] = []
  for (const text of body) {
    const expect = /^expect\s+(fail|warn|info)(?:\s+(msg|regex):\s*(.*))?$/.exec(text)
    const older = /^expected_fail_(message|regexp)\s+(.*)$/.exec(text)
    const grid = /^expect range vector from (\S+) to (\S+) step (\S+)$/.exec(text)
    if (expect !== null) expectations.push({ kind: expect[1] as 'fail' | 'warn' | 'info', matches: messageTest(expect[2], expect[3]) })
    else if (older !== null) expectations.push({ kind: 'fail', matches: messageTest(older[1] === 'message' ? 'msg' : 'regex', older[2]) })
    else if (grid !== null) matrix = { startMs: toMs(grid[1]!), endMs: toMs(grid[2]!), stepMs: toMs(grid[3]!) }
    else if (/^expect\s+ordered$/.test(text)) ordered = true
    else if (/^expect\s+no_(warn|info)$/.test(text)) forbids.add(text.endsWith('warn') ? 'warn' : 'info')
    else if (/^expect\s+string\s/.test(text)) expectedString = unquote(text.replace(/^expect\s+string\s+/, ''))
    else if (/^(?:[+-]?\d[\w.+-]*|[+-]?\.\d\S*|[+-]?inf|nan)$/i.test(text)) scalar = toNumber(text)
    else series.push(toSeries(text))
  }
  return {
    line,
    query: match.at(-1)!,
    times,
    isRange: range !== null,
    ordered,
    expectations,
    forbids,
    string: expectedString,
    scalar,
    matrix,
    series,
  }
}

function messageTest(kind: string | undefined, text = ''): (message: string) => boolean {
  if (kind === 'msg') return (message) => message.includes(text)
  if (kind === 'regex') return (message) => new RegExp(text).test(message)
  return anything
}
