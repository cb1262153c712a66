import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createInputVariance, VARIANCE_WINDOW } from './input-variance.ts'
import { compileRowReader } from './rows.ts'
import { parseModelSchema } from './schema.ts'

const schemaOf = (features: string) =>
  parseModelSchema(`name: m\nfeatures: [${features}]\noutputs: [{ name: y, kind: regression }]`, { file: 'm' })
const schema = schemaOf(
  `{ name: a, type: number, nullable: true }, { name: c, type: category }, { name: n, type: integer },
   { name: b, type: boolean }, { name: s, type: number, shape: [2] }`,
)
const read = compileRowReader(schema)
type Row = { a: number | null; n: number; s: readonly number[] }
const columnsOf = (rows: readonly Row[]) => read(rows.map((row) => ({ ...row, c: 'x', b: true }))).columns

/** By its definition: the mean of the squared distances from the mean. */
function direct(rows: readonly Row[]): number {
  const values = rows.slice(-VARIANCE_WINDOW).flatMap(({ a, n, s }) => [...(a === null ? [] : [a]), n, ...s])
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
}

test('equal to the definition after every request, from the first one on', () => {
  const number = fc.double({ min: -1e6, max: 1e6, noNaN: true })
  const row = fc.record({ a: fc.option(number), n: fc.integer({ min: -1000, max: 1000 }), s: fc.tuple(number, number) })
  fc.assert(
    fc.property(fc.array(fc.array(row, { minLength: 1, maxLength: 70 }), { minLength: 1, maxLength: 6 }), (requests) => {
      const variance = createInputVariance(schema)!
      expect(variance.read()).toBeNaN()
      const seen: Row[] = []
      for (const rows of requests) {
        seen.push(...rows)
        variance.add(columnsOf(rows))
        const want = direct(seen)
        expect(Math.abs(variance.read() - want)).toBeLessThanOrEqual(1e-9 * Math.max(1, want))
      }
    }),
    { numRuns: 200 },
  )
})

test('far from zero the digits stay', () => {
  const variance = createInputVariance(schemaOf('{ name: a, type: number }'))!
  for (const value of [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]) variance.add({ rows: 1, values: [Float64Array.of(value)] })
  expect(variance.read()).toBe(22.5) // ((−6)² + (−3)² + 3² + 6²) / 4
})

test('no rows change nothing, none with a number is no observation, and too much for doubles is no NaN', () => {
  const variance = createInputVariance(schemaOf('{ name: a, type: number, nullable: true }'))!
  variance.add({ rows: 0, values: [new Float64Array(0)] })
  variance.add({ rows: 1, values: [Float64Array.of(Number.NaN)] })
  expect(variance.read()).toBeNaN()
  variance.add({ rows: 2, values: [Float64Array.of(3, 5)] })
  expect(variance.read()).toBe(1)
  variance.add({ rows: 2, values: [Float64Array.of(1.7e308, -1.7e308)] })
  expect(variance.read()).toBe(Number.POSITIVE_INFINITY)
})

test('a model without numbers has none', () => {
  expect(createInputVariance(schemaOf('{ name: c, type: category }, { name: i, type: int64 }, { name: b, type: boolean }'))).toBeUndefined()
})
