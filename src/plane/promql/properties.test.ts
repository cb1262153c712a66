import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelwatchError } from '../../core/errors.ts'
import { labelsKey, labelValue } from '../../core/labels.ts'
import { createRandom } from '../../core/random.ts'
import type { MatrixValue, QueryEngine, StepRange } from './contract.ts'
import { createData, createDataEngine, dataStartMs, near } from './testing/random-data.ts'
import { createQueryGenerator } from './testing/random-queries.ts'

/*
 * What holds of every query, whatever Prometheus says: MODELWATCH_PROPERTY_CASES and MODELWATCH_PROPERTY_SEED say how many are tried, and which.
 */
const numRuns = Number(process.env.MODELWATCH_PROPERTY_CASES ?? 400)
const seed = Number(process.env.MODELWATCH_PROPERTY_SEED ?? Math.trunc(Math.random() * 2 ** 31))
console.log(`PromQL properties: MODELWATCH_PROPERTY_SEED=${seed} MODELWATCH_PROPERTY_CASES=${numRuns}`)

const data = createData(createRandom(7))
const whole = createDataEngine(data)

function pointsOf({ series }: MatrixValue): Map<string, number> {
  const points = new Map<string, number>()
  for (const { labels, timesMs, values } of series)
    for (const [i, timeMs] of timesMs.entries()) points.set(`${labelsKey(labels)}@${timeMs}`, values[i]!)
  return points
}

/** undefined where the query has no answer over the data. */
async function ask(engine: QueryEngine, query: string, range: StepRange): Promise<Map<string, number> | undefined> {
  try {
    return pointsOf((await engine.range(query, range)).value)
  } catch (error) {
    if (error instanceof ModelwatchError && error.code === 'MW_PROMQL_EXECUTION') return undefined
    throw error
  }
}

/** Expects the same points, with the same values but for rounding. */
function expectSame(points: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>, tolerance: number, what: string): void {
  expect([...others.keys()].sort(), what).toEqual([...points.keys()].sort())
  for (const [key, value] of points) {
    const other = others.get(key)!
    if (!near(value, other, tolerance)) expect.fail(`${what}: ${key} is ${other} in parts, and ${value} as a whole`)
  }
}

/**
 * Queries whose value at a step depends on that step alone. `@` may fix a part of one at the start or the end of what is asked. Groups come in the
 * order of the first series that the whole range has of each, as in Prometheus, and of equals the first are taken.
 */
function queryFrom(querySeed: number, depth: number): string {
  const generator = createQueryGenerator(createRandom(querySeed), 'many')
  for (;;) {
    const query = generator.vector(depth)
    if (/limitk|topk|bottomk/.test(query) && /(?:sum|max|count) by/.test(query)) continue
    // A remainder makes a last digit, in which sums may differ, into another result.
    if (!query.includes('@') && !query.includes('%')) return query
  }
}

test('a range query asked in two parts, cut at any step, has the same points', async () => {
  let answered = 0
  const cut = fc.record({
    querySeed: fc.integer(),
    depth: fc.integer({ min: 1, max: 4 }),
    offsetMs: fc.nat(3_000_000),
    stepMs: fc.constantFrom(1000, 15_000, 47_000, 60_000, 300_000),
    steps: fc.integer({ min: 2, max: 40 }),
    share: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  })
  const holds = fc.asyncProperty(cut, async ({ querySeed, depth, offsetMs, stepMs, steps, share }) => {
    const query = queryFrom(querySeed, depth)
    const engine = await whole
    const startMs = dataStartMs + offsetMs
    const first = 1 + Math.floor(share * (steps - 1))
    const all = await ask(engine, query, { startMs, endMs: startMs + (steps - 1) * stepMs, stepMs })
    // What is wrong in one part, such as labels that meet, need not be in the other.
    if (all === undefined) return
    const left = await ask(engine, query, { startMs, endMs: startMs + (first - 1) * stepMs, stepMs })
    const right = await ask(engine, query, { startMs: startMs + first * stepMs, endMs: startMs + (steps - 1) * stepMs, stepMs })
    if (left === undefined || right === undefined) throw new Error(`${query} has no answer in parts`)
    if (all.size > 0) answered++
    // The spread of large numbers keeps few digits, and depends on where the running sums begin.
    const tolerance = /stddev|stdvar|deriv|predict/.test(query) ? 1e-6 : 1e-9
    expectSame(all, new Map([...left, ...right]), tolerance, `${query} from ${startMs}, ${first} of ${steps} steps of ${stepMs} ms`)
  })
  await fc.assert(holds, { numRuns, seed })
  expect(answered).toBeGreaterThan(numRuns * 0.3)
}, 600_000)

test('sums by a label over shards of the series add up to those over all of them', async () => {
  const shape = fc.record({
    shardSeed: fc.integer(),
    shards: fc.integer({ min: 2, max: 5 }),
    by: fc.constantFrom('job', 'inst', 'job, inst', ''),
    of: fc.constantFrom(
      ...['c_total', 'g', 'ints', 'rate(c_total[5m])', 'increase(c_total[90s])', 'avg_over_time(g[7m])', 'h_bucket', 'changes(ints[20m])'],
      ...[
        'quantile_over_time(0.9, g[7m])',
        'g > 0',
        'abs(g)',
        'max_over_time(rate(c_total[2m])[10m:30s])',
        '{__name__=~"g|ints", job!="b"}',
      ],
    ),
    offsetMs: fc.nat(3_000_000),
  })
  const holds = fc.asyncProperty(shape, async ({ shardSeed, shards, by, of, offsetMs }) => {
    const random = createRandom(shardSeed)
    const engines = await Promise.all(
      Array.from({ length: shards }, (_, i) => ({ i, series: [] as typeof data })).map(({ i, series }, _, all) => {
        // Where each series goes follows from its labels.
        if (i === 0) for (const one of data) all[Math.floor(random() * shards)]!.series.push(one)
        return createDataEngine(series)
      }),
    )
    const startMs = dataStartMs + offsetMs
    const range = { startMs, endMs: startMs + 600_000, stepMs: 60_000 }
    const query = `sum by (${by}) (${of})`
    const sums = new Map<string, number>()
    for (const engine of engines) {
      const part = await ask(engine, query, range)
      for (const [key, value] of part!) sums.set(key, (sums.get(key) ?? 0) + value)
    }
    const all = await ask(await whole, query, range)
    expectSame(all!, sums, 1e-9, `${query} from ${startMs}, ${shards} shards`)
  })
  await fc.assert(holds, { numRuns: Math.ceil(numRuns / 4), seed })
}, 600_000)

test('the data has what the shards are told apart by', () => {
  expect(new Set(data.map(({ labels }) => labelValue(labels, 'job')))).toEqual(new Set(['a', 'b', '']))
})
