import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProgram, needs } from '../../../test/support/needs.ts'
import { type Oracle, type OracleAnswer, startOracle } from '../../../test/support/prometheus-oracle.ts'
import { ModelwatchError } from '../../core/errors.ts'
import { labelsKey, toLabels } from '../../core/labels.ts'
import { createRandom } from '../../core/random.ts'
import type { QueryEngine, QueryResult } from './contract.ts'
import { createData, createDataEngine, dataEndMs, dataStartMs, near } from './testing/random-data.ts'
import { createQueryGenerator, isOrderly } from './testing/random-queries.ts'

/*
 * Random queries over random data, answered by us and by a real Prometheus: values, errors and annotations must be the same.
 * MODELWATCH_ORACLE_CASES and MODELWATCH_ORACLE_SEED change how many and which.
 */
const cases = Number(process.env.MODELWATCH_ORACLE_CASES ?? 500)
const seed = Number(process.env.MODELWATCH_ORACLE_SEED ?? 1)

interface Outcome {
  readonly error: string | undefined
  readonly points: ReadonlyMap<string, number>
  readonly annotations: readonly string[]
}

async function ours(ask: () => Promise<QueryResult>): Promise<Outcome> {
  try {
    const { value, warnings, infos } = await ask()
    const points = new Map<string, number>()
    if (value.kind === 'scalar') points.set(`@${value.timeMs}`, value.value)
    if (value.kind === 'vector')
      for (const sample of value.samples) points.set(`${labelsKey(sample.labels)}@${sample.timeMs}`, sample.value)
    if (value.kind === 'matrix') {
      for (const { labels, timesMs, values } of value.series) {
        for (const [i, timeMs] of timesMs.entries()) points.set(`${labelsKey(labels)}@${timeMs}`, values[i]!)
      }
    }
    return { error: undefined, points, annotations: [...warnings, ...infos].sort() }
  } catch (error) {
    if (!(error instanceof ModelwatchError)) throw error
    return { error: error.message, points: new Map(), annotations: [] }
  }
}

type Point = [time: number, value: string]

function theirs(answer: OracleAnswer): Outcome {
  const points = new Map<string, number>()
  const { data } = answer
  if (data === undefined) return { error: answer.error ?? '', points, annotations: [] }
  const put = (key: string, [time, value]: Point) =>
    points.set(`${key}@${Math.round(time * 1000)}`, Number(value.replace('Inf', 'Infinity')))
  if (data.resultType === 'scalar') put('', data.result as Point)
  else {
    for (const { metric, value, values } of data.result as { metric: Record<string, string>; value?: Point; values?: Point[] }[]) {
      const key = labelsKey(toLabels(metric))
      for (const point of values ?? [value!]) put(key, point)
    }
  }
  return { error: undefined, points, annotations: [...(answer.warnings ?? []), ...(answer.infos ?? [])].sort() }
}

interface Comparison {
  readonly tolerance: number
  /** Whether series must come in the same order. */
  readonly ordered: boolean
}

/** Prometheus says so itself where it leaves some out; which ones it keeps is left to chance. */
const isComplete = (annotations: readonly string[]) => annotations.length < 10

/** The two series that an ambiguous match names are whichever come first. */
const comparable = (error: string, ordered: boolean) => {
  const text = error.replace(/^(?:invalid parameter "query": )/, '')
  return ordered ? text : text.replace(/\[.*\]|for the match group \{.*?\} /g, '…')
}

function difference(our: Outcome, their: Outcome, { tolerance, ordered }: Comparison): string | undefined {
  if (our.error !== undefined || their.error !== undefined) {
    if (our.error !== undefined && their.error !== undefined && comparable(our.error, ordered) === comparable(their.error, ordered))
      return undefined
    return `error ${our.error}, not ${their.error}`
  }
  if (our.points.size !== their.points.size) {
    const missing = [...their.points.keys()].find((key) => !our.points.has(key))
    const extra = [...our.points.keys()].find((key) => !their.points.has(key))
    return `${our.points.size} points, not ${their.points.size}; missing ${missing}; extra ${extra}`
  }
  for (const [key, value] of their.points) {
    const other = our.points.get(key)
    if (other === undefined) return `no ${key}`
    if (!near(value, other, tolerance)) return `${key} is ${other}, not ${value}`
  }
  if (ordered && [...our.points.keys()].join(' ') !== [...their.points.keys()].join(' '))
    return `the order ${[...our.points.keys()].join(' ')}, not ${[...their.points.keys()].join(' ')}`
  if (isComplete(their.annotations) && JSON.stringify(our.annotations) !== JSON.stringify(their.annotations))
    return `annotations ${JSON.stringify(our.annotations)}, not ${JSON.stringify(their.annotations)}`
  return undefined
}

const features = ['promql-experimental-functions', 'promql-duration-expr']

describe.for([
  { mode: 'names dropped at once', delayedNameRemoval: false, feature: [] },
  { mode: 'names dropped at the end', delayedNameRemoval: true, feature: ['promql-delayed-name-removal'] },
])('random queries beside Prometheus, $mode', ({ delayedNameRemoval, feature }) => {
  const program = findProgram('prometheus')
  const data = createData(createRandom(seed))
  let oracle: Oracle | undefined
  let engine: QueryEngine

  beforeAll(async () => {
    engine = await createDataEngine(data, { delayedNameRemoval })
    if (program === undefined) return
    oracle = await startOracle(program, [...features, ...feature])
    await oracle.write(data)
  }, 60_000)
  afterAll(() => oracle?.stop())

  test(`${cases} queries`, { timeout: 60_000 + cases * 100 }, async (ctx) => {
    needs(ctx, 'prometheus')
    console.log(`MODELWATCH_ORACLE_SEED=${seed}`)
    const random = createRandom(seed + 1)
    const [forOne, forMany] = [createQueryGenerator(random, 'one'), createQueryGenerator(random, 'many')]
    const wrong: string[] = []
    const tally = { answers: 0, empty: 0, errors: 0 }
    for (let i = 0; i < cases; i++) {
      const isRange = random() < 0.5
      const generator = isRange ? forMany : forOne
      const query = random() < 0.05 ? generator.scalar(3) : generator.vector(1 + Math.floor(random() * 4))
      // A remainder of a large power is all last digits.
      if (query.includes('^') && query.includes('%')) continue
      const timeMs = dataStartMs + Math.floor(random() * (dataEndMs - dataStartMs))
      const range = isRange ? { startMs: timeMs, endMs: timeMs + 600_000, stepMs: 47_000 } : undefined
      const our = await ours(() => (range === undefined ? engine.instant(query, timeMs) : engine.range(query, range)))
      const answer =
        range === undefined
          ? await oracle!.ask('/api/v1/query', { query, time: (timeMs / 1000).toFixed(3) })
          : await oracle!.ask('/api/v1/query_range', {
              query,
              start: (range.startMs / 1000).toFixed(3),
              end: (range.endMs / 1000).toFixed(3),
              step: (range.stepMs / 1000).toFixed(3),
            })
      const their = theirs(answer)
      if (their.error !== undefined) tally.errors++
      else if (their.points.size === 0) tally.empty++
      else tally.answers++
      // The spread of large numbers keeps few digits, and so depends most on their order.
      const tolerance = /stddev|stdvar/.test(query) ? 1e-6 : 1e-9
      const why = difference(our, their, { tolerance, ordered: range === undefined && isOrderly(query) })
      if (why !== undefined) wrong.push(`${query} ${range === undefined ? 'at' : 'from'} ${timeMs}: ${why}`)
    }
    // Were most queries wrong or empty, their agreement would say little.
    expect(tally.answers).toBeGreaterThan(cases * 0.4)
    expect(wrong).toEqual([])
  })
})
