/**
 * Test support: runs promqltest scripts (`load`, `eval`, `expect`) in this process, against a store in memory.
 * Native histograms are not loaded: a script's evals that touch them are the caller's to skip.
 */
import { ModelwatchError } from '../../core/errors.ts'
import { type Labels, labelsKey, toLabels } from '../../core/labels.ts'
import { parseDurationMs } from '../../core/time.ts'
import { createMemoryStore } from '../store/index.ts'
import type { MatrixValue, QueryEngine, QueryResult } from './contract.ts'
import { createQueryEngine } from './engine.ts'
import { unquote } from './literals.ts'

export interface EvalOutcome {
  /** Counted from 1. */
  readonly line: number
  readonly query: string
  readonly verdict: 'right' | 'wrong' | 'unsupported'
  /** What was wrong, or not supported. */
  readonly detail: string
}

export interface ScriptOptions {
  /** Lines of evals to leave out. */
  readonly skipLines?: ReadonlySet<number>
}

/** Runs a script from top to bottom. @throws Error when the script itself cannot be read. */
export async function runScript(script: string, options: ScriptOptions = {}): Promise<EvalOutcome[]> {
  const dataset = new Dataset()
  const outcomes: EvalOutcome[] = []
  for (const block of toBlocks(script)) {
    const [command = ''] = block.head.split(/\s+/, 1)
    if (command === 'clear') dataset.clear()
    else if (command.startsWith('load')) dataset.load(block)
    else if (options.skipLines?.has(block.line) !== true) outcomes.push(await runEval(toEval(block), dataset.engine()))
  }
  return outcomes
}

interface Block {
  readonly line: number
  readonly head: string
  readonly body: readonly string[]
}

function toBlocks(script: string): Block[] {
  const blocks: { line: number; head: string; body: string[] }[] = []
  let open = false
  for (const [i, raw] of script.split('\n').entries()) {
    const text = raw.trim()
    if (text === '' || text.startsWith('#')) open = false
    else if (open && !/^(?:load|clear|eval)/.test(text)) blocks.at(-1)!.body.push(text)
    else {
      blocks.push({ line: i + 1, head: text, body: [] })
      open = true
    }
  }
  return blocks
}

interface SeriesLine {
  readonly labels: Labels
  /** undefined is a gap. */
  readonly points: readonly Point[]
}
type Point = number | 'stale' | undefined

class Dataset {
  #series = new Map<string, { labels: Labels; points: Map<number, number | 'stale'> }>()
  #engine: QueryEngine | undefined

  clear(): void {
    this.#series.clear()
    this.#engine = undefined
  }

  load({ head, body }: Block): void {
    this.#engine = undefined
    const stepMs = toMs(head.split(/\s+/)[1]!)
    // A label set that stands twice in one block counts as it stands last.
    const lines = new Map(body.map(toSeries).map((line) => [labelsKey(line.labels), line]))
    for (const [key, { labels, points }] of lines) {
      const known = this.#series.get(key) ?? { labels, points: new Map() }
      this.#series.set(key, known)
      for (const [i, point] of points.entries()) if (point !== undefined) known.points.set(i * stepMs, point)
    }
  }

  engine(): QueryEngine {
    if (this.#engine !== undefined) return this.#engine
    const store = createMemoryStore()
    const appender = store.appender()
    for (const { labels, points } of this.#series.values()) {
      let ref = 0
      for (const [timeMs, point] of [...points].sort(([a], [b]) => a - b)) {
        // A marker needs a series; one that begins with it never was there.
        if (point !== 'stale') ref = appender.append(ref, labels, timeMs, point)
        else if (ref !== 0) appender.appendStale(ref, timeMs)
      }
    }
    appender.commit()
    this.#engine = createQueryEngine({}, { reader: store })
    return this.#engine
  }
}

function toMs(text: string): number {
  const negative = text.startsWith('-')
  const durationMs = parseDurationMs(negative ? text.slice(1) : text) ?? Number(text.replace(/^-/, '')) * 1000
  if (Number.isNaN(durationMs)) throw new Error(`not a duration: ${text}`)
  return negative ? -durationMs : durationMs
}

const stringPattern = String.raw`"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\x60[^\x60]*\x60`
const seriesHead = new RegExp(String.raw`^([a-zA-Z_:][\w:]*)?\s*(\{(?!\{)(?:${stringPattern}|[^}"'\x60])*\})?\s*`)
const labelPattern = new RegExp(String.raw`(?:([a-zA-Z_][\w.]*)|(${stringPattern}))\s*(?:=\s*(${stringPattern}))?`, 'g')

function toSeries(line: string): SeriesLine {
  const [head, name = '', braces = ''] = seriesHead.exec(line)!
  const record: Record<string, string> = name === '' ? {} : { __name__: name }
  for (const [, bare, quoted, value] of braces.matchAll(labelPattern)) {
    const label = bare ?? unquote(quoted!)!
    if (value === undefined) record.__name__ = label
    else record[label] = unquote(value)!
  }
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

interface Times {
  readonly startMs: number
  readonly endMs: number
  readonly stepMs: number
}

interface Expectation {
  readonly kind: 'fail' | 'warn' | 'info'
  readonly matches: (message: string) => boolean
}

interface Eval {
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

function toEval({ line, head, body }: Block): Eval {
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

async function runEval(test: Eval, engine: QueryEngine): Promise<EvalOutcome> {
  const outcome = (verdict: EvalOutcome['verdict'], detail = '') => ({ line: test.line, query: test.query, verdict, detail })
  const fails = test.expectations.filter(({ kind }) => kind === 'fail')
  try {
    const result = test.isRange ? await engine.range(test.query, test.times) : await engine.instant(test.query, test.times.startMs)
    if (fails.length > 0) return outcome('wrong', 'an error was expected')
    const detail = differences(test, result) ?? annotationsMiss(test, result) ?? (await rangeDisagrees(test, result, engine))
    return detail === undefined ? outcome('right') : outcome('wrong', detail)
  } catch (error) {
    if (!(error instanceof ModelwatchError)) throw error
    if (error.code === 'MW_PROMQL_UNSUPPORTED') return outcome('unsupported', error.message)
    if (fails.length === 0) return outcome('wrong', error.message)
    return fails.every(({ matches }) => matches(error.message))
      ? outcome('right')
      : outcome('wrong', `another error was expected: ${error.message}`)
  }
}

function annotationsMiss(test: Eval, { warnings, infos }: QueryResult): string | undefined {
  for (const [kind, messages] of [
    ['warn', warnings],
    ['info', infos],
  ] as const) {
    const expected = test.expectations.filter((one) => one.kind === kind)
    for (const { matches } of expected)
      if (!messages.some(matches)) return `no ${kind} annotation matches; there are ${JSON.stringify(messages)}`
    // The older `eval` without expectations allows no annotation; one about order ignores them.
    if (expected.length === 0 && messages.length > 0 && (!test.ordered || test.forbids.has(kind)))
      return `unexpected ${kind}: ${messages[0]}`
  }
  return undefined
}

function differences(test: Eval, { value }: QueryResult): string | undefined {
  if (value.kind === 'string') return value.value === test.string ? undefined : `got the string ${JSON.stringify(value.value)}`
  if (value.kind === 'scalar')
    return test.scalar !== undefined && almostEqual(test.scalar, value.value) ? undefined : `got the scalar ${value.value}`
  if (test.scalar !== undefined || test.string !== undefined) return `got a ${value.kind}`
  if (value.kind === 'matrix') return matrixDiffers(test, value)
  if (value.samples.length !== test.series.length) return `got ${value.samples.length} samples: ${JSON.stringify(value.samples)}`
  const got = new Map(value.samples.map((sample, i) => [labelsKey(sample.labels), { sample, i }]))
  for (const [i, { labels, points }] of test.series.entries()) {
    const found = got.get(labelsKey(labels))
    if (found === undefined) return `no ${JSON.stringify(labels)} in ${JSON.stringify(value.samples)}`
    if (!almostEqual(points[0] as number, found.sample.value)) return `${JSON.stringify(labels)} is ${found.sample.value}`
    if (test.ordered && found.i !== i) return `${JSON.stringify(labels)} is number ${found.i}, not ${i}`
  }
  return undefined
}

function matrixDiffers(test: Eval, value: MatrixValue): string | undefined {
  const { startMs, stepMs } = test.matrix ?? test.times
  const expected = test.series.filter(({ points }) => points.some((point) => point !== undefined))
  if (value.series.length !== expected.length) return `got ${value.series.length} series, not ${expected.length}`
  const got = new Map(value.series.map((series) => [labelsKey(series.labels), series]))
  for (const { labels, points } of expected) {
    const series = got.get(labelsKey(labels))
    if (series === undefined) return `no ${JSON.stringify(labels)}`
    const wanted = points.flatMap((point, i) => (point === undefined ? [] : [[startMs + i * stepMs, point as number] as const]))
    if (wanted.length !== series.values.length) return `${JSON.stringify(labels)} has ${series.values.length} points, not ${wanted.length}`
    for (const [i, [timeMs, point]] of wanted.entries()) {
      if (series.timesMs[i] !== timeMs || !almostEqual(point, series.values[i]!))
        return `${JSON.stringify(labels)} is ${series.values[i]} at ${series.timesMs[i]}`
    }
  }
  return undefined
}

/** An instant vector must also be what a range query around it has in its middle. */
async function rangeDisagrees(test: Eval, { value }: QueryResult, engine: QueryEngine): Promise<string | undefined> {
  if (test.isRange || value.kind !== 'vector' || /\b(?:start|end)\s*\(/.test(test.query)) return undefined
  const atMs = test.times.startMs
  let range: MatrixValue
  try {
    range = (await engine.range(test.query, { startMs: atMs - 60_000, endMs: atMs + 60_000, stepMs: 60_000 })).value
  } catch (error) {
    // At its other steps the question may have no answer.
    if (error instanceof ModelwatchError && error.code === 'MW_PROMQL_EXECUTION') return undefined
    throw error
  }
  const middle = new Map<string, number>()
  for (const { labels, timesMs, values } of range.series) {
    const i = timesMs.indexOf(atMs)
    if (i >= 0) middle.set(labelsKey(labels), values[i]!)
  }
  if (middle.size !== value.samples.length) return `as a range query it has ${middle.size} series`
  for (const sample of value.samples) {
    const other = middle.get(labelsKey(sample.labels))
    if (other === undefined || !almostEqual(sample.value, other)) return `as a range query ${JSON.stringify(sample.labels)} is ${other}`
  }
  return undefined
}

const NORMAL_MIN = 2.2250738585072014e-308

/** @param relative - Largest relative difference, of the sum of both. */
export function almostEqual(a: number, b: number, relative = 1e-6): boolean {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b)
  if (a === b) return true
  const sum = Math.abs(a) + Math.abs(b)
  const difference = Math.abs(a - b)
  if (a === 0 || b === 0 || sum < NORMAL_MIN) return difference < relative * NORMAL_MIN
  return difference / Math.min(sum, Number.MAX_VALUE) < relative
}
