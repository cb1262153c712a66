/**
 * Test support: runs promqltest scripts (`load`, `eval`, `expect`) in this process, against a store in memory. The engine has the experimental
 * functions and drops names late, as such scripts expect. Native histograms are not loaded: evals that touch them are the caller's to skip.
 */
import { ModelwatchError } from '../../core/errors.ts'
import { type Labels, labelsKey } from '../../core/labels.ts'
import { createMemoryStore } from '../store/index.ts'
import type { MatrixValue, QueryEngine, QueryResult } from './contract.ts'
import { createQueryEngine } from './engine.ts'
import { type Block, type Eval, toBlocks, toEval, toMs, toSeries } from './testing/promtest-script.ts'

export interface EvalOutcome {
  /** Counted from 1. */
  readonly line: number
  readonly query: string
  readonly verdict: 'right' | 'wrong'
  /** What was wrong. */
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
    else if (options.skipLines?.has(block.line) !== true) outcomes.push(await runEval(toEval(block), await dataset.engine()))
  }
  return outcomes
}

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

  async engine(): Promise<QueryEngine> {
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
    await appender.commit()
    this.#engine = createQueryEngine({ experimentalFunctions: true, delayedNameRemoval: true }, { reader: store })
    return this.#engine
  }
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
    for (const message of expected.length === 0 ? [] : messages)
      if (!expected.some(({ matches }) => matches(message))) return `unexpected ${kind}: ${message}`
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
