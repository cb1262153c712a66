// Rows of named numbers from the bytes of a body to columns: straight from the bytes, beside JSON.parse and the row reader. Made-up rows of the wine schema;
// the fastest of many short runs of either, in turns.
import { join } from 'node:path'
import { createRandom } from '../src/core/random.ts'
import { readModelSchema } from '../src/sources/serving/models/index.ts'
import { compileRowReader, compileRowScanner } from '../src/watch/index.ts'

const RUNS = 60
const RUN_MS = 10

const schema = await readModelSchema(join(import.meta.dirname, '../examples/wine/models/wine'))
const read = compileRowReader(schema)
const scan = compileRowScanner(schema, 10_000)
if (scan === undefined) throw new Error('the scanner does not take the schema of examples/wine')
const random = createRandom(1)

console.log('rows      bytes   parse and read µs   scan µs   of the time')
for (const count of [1, 10, 100, 1000]) {
  const rows = Array.from({ length: count }, () =>
    Object.fromEntries(schema.features.map(({ name, range }) => [name, Number((random() * (range?.[1] ?? 1)).toPrecision(4))])),
  )
  const body = Buffer.from(JSON.stringify({ rows }))
  const ways = [() => read((JSON.parse(body.toString()) as { rows: unknown[] }).rows), () => scan(body)]
  const best = ways.map(() => Number.POSITIVE_INFINITY)
  for (let run = 0; run < RUNS; run++) for (const [i, way] of ways.entries()) best[i] = Math.min(best[i]!, microseconds(way))
  const [parsed, scanned] = best as [number, number]
  const cells = [parsed.toFixed(1).padStart(20), scanned.toFixed(1).padStart(10), `${((scanned / parsed) * 100).toFixed(0)} %`.padStart(14)]
  console.log(`${String(count).padEnd(6)}${String(body.length).padStart(9)}${cells.join('')}`)
}

/** Time of one call, over calls of `RUN_MS` together. */
function microseconds(way: () => unknown): number {
  const startMs = performance.now()
  let calls = 0
  while (performance.now() - startMs < RUN_MS) {
    if (way() === undefined) throw new Error('the scanner left this body to the long way')
    calls++
  }
  return ((performance.now() - startMs) * 1000) / calls
}
