import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { ModelwatchError } from '../../core/errors.ts'
import { createRandom } from '../../core/random.ts'
import { QueryTexts } from './testing/query-texts.ts'
import { createData, createDataEngine, dataEndMs, dataStartMs } from './testing/random-data.ts'
import { createQueryGenerator } from './testing/random-queries.ts'

const cases = Number(process.env.MODELWATCH_FUZZ_CASES ?? 10_000)
const seed = Number(process.env.MODELWATCH_FUZZ_SEED ?? Math.trunc(Math.random() * 2 ** 31))
console.log(`PromQL evaluation: MODELWATCH_FUZZ_SEED=${seed} MODELWATCH_FUZZ_CASES=${cases}`)

/** What an answer to a query may be besides a result. */
const known = new Set([
  ...['MW_PROMQL_PARSE', 'MW_PROMQL_EXECUTION', 'MW_PROMQL_LIMIT', 'MW_PROMQL_TIMEOUT', 'MW_PROMQL_UNSUPPORTED'],
  ...['MW_STORE_MATCHER', 'MW_STORE_MATCHER_UNSUPPORTED'],
])
/** The engine's own bounds in this test: a query gets no further. */
const limits = { samplesMax: 300_000, seriesMax: 5000, bytesMax: 8 * 2 ** 20, timeoutMs: 2000, subqueryStepsMax: 20_000 }
/** A query that is not over by then hangs; its own limit is a fifth of this, and the machine may be busy. */
const HANGS_MS = 10_000

function memoryBytes(): number {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  gc()
  gc()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

test('any query over any data is answered or refused, in time, and leaves nothing behind', { timeout: 900_000 }, async () => {
  const random = createRandom(seed)
  const engine = await createDataEngine(createData(random), limits)
  const texts = new QueryTexts(seed)
  const generators = [createQueryGenerator(random, 'one'), createQueryGenerator(random, 'many')]
  const tally = new Map<string, number>()
  const one = async (i: number) => {
    const query = i % 4 === 0 ? texts.next() : generators[i % 2]!.vector(1 + (i % 5))
    const timeMs = dataStartMs + Math.floor(random() * (dataEndMs - dataStartMs))
    const began = performance.now()
    let outcome = 'answered'
    try {
      if (i % 2 === 0) await engine.instant(query, timeMs)
      else await engine.range(query, { startMs: timeMs, endMs: timeMs + 900_000, stepMs: 1 + Math.floor(random() * 100_000) })
    } catch (error) {
      if (!(error instanceof ModelwatchError) || !known.has(error.code)) throw new Error(`query ${i}: ${query}`, { cause: error })
      outcome = error.code
    }
    if (performance.now() - began > HANGS_MS) throw new Error(`query ${i} took ${performance.now() - began} ms: ${query}`)
    tally.set(outcome, (tally.get(outcome) ?? 0) + 1)
  }
  // The first ones warm up: code and caches take memory that is not a query's.
  const warm = Math.ceil(cases / 5)
  for (let i = 0; i < warm; i++) await one(i)
  const before = memoryBytes()
  for (let i = warm; i < cases; i++) await one(i)
  const grown = memoryBytes() - before
  console.log(`PromQL evaluation: ${JSON.stringify(Object.fromEntries(tally))}, ${(grown / 2 ** 20).toFixed(1)} MiB more`)
  expect(tally.get('answered') ?? 0).toBeGreaterThan(cases * 0.4)
  // Compiled code and the runner's own notes; a hundred bytes kept for each query would pass it in the longer runs.
  expect(grown).toBeLessThan(6 * 2 ** 20 + cases * 100)
})
