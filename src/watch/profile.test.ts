import fc from 'fast-check'
import { expect, test } from 'vitest'
import { buildReference, createProfileBuilder, toReferenceJson } from './profile.ts'
import { parseReference } from './reference.ts'
import { compileRowReader } from './rows.ts'
import { parseModelSchema } from './schema.ts'

const schema = parseModelSchema(
  `name: m
features:
  - { name: n, type: number, nullable: true }
  - { name: free, type: category, nullable: true }
  - { name: listed, type: category, categories: [a, b, ''], nullable: true, enforce: count }
outputs:
  - { name: y, kind: regression }
  - { name: c, kind: classification, classes: [yes, no] }
`,
  { file: 'model.yaml' },
)
const readRows = compileRowReader(schema)
const source = { file: 'f.csv', sha256: '' }

const anyText = fc.constantFrom('a', 'b', '', 'longer', null, 3)
const anyRow = fc.record({
  n: fc.oneof(fc.double({ noDefaultInfinity: false }), fc.constantFrom(null, 'windy', 0, 1)),
  free: anyText,
  listed: anyText,
  y: fc.double(),
  c: fc.constantFrom('yes', 'no', 'maybe'),
  truth: fc.double(),
})
type Row = { n: unknown; free: unknown; listed: unknown; y: number; c: string; truth: number }

const parts = (rows: readonly Row[]) =>
  [
    readRows(rows.map(({ n, free, listed }) => ({ n, free, listed }))),
    [Float64Array.from(rows, ({ y }) => y), rows.map(({ c }) => c)],
    new Map([['y', Float64Array.from(rows, ({ truth }) => truth)]]),
  ] as const

test('batch by batch gives the file that all rows at once give, every row in one bin of each value', () => {
  fc.assert(
    fc.property(fc.array(anyRow, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (rows, size) => {
      const whole = buildReference(schema, ...parts(rows), source)
      const builder = createProfileBuilder(schema)
      for (let from = 0; from < rows.length; from += size) builder.add(...parts(rows.slice(from, from + size)))
      expect(builder.rows).toBe(rows.length)
      expect(toReferenceJson(builder.finish(source))).toBe(toReferenceJson(whole))
      for (const value of whole.values) {
        const counts = [...value.rows, ...Object.values(value.special)]
        expect(counts.every((n) => n >= 0)).toBe(true)
        expect(counts.reduce((sum, n) => sum + n, 0)).toBe(rows.length)
      }
    }),
  )
})

test('an empty text that was sent is told from one that stands in for a missing value', () => {
  const row = { n: 1, y: 1, c: 'yes', truth: 1 }
  const rows = ['', '', null, 3].map((text) => ({ ...row, free: text, listed: text }))
  const { values } = buildReference(schema, ...parts(rows), source)
  expect(values[1]).toMatchObject({ categories: [''], rows: [2], special: { other: 0, missing: 1, invalid: 1 } })
  expect(values[2]).toMatchObject({ categories: ['a', 'b', ''], rows: [0, 0, 2], special: { other: 0, missing: 1, invalid: 1 } })
})

test('values that are all missing leave a file that can be read, with nothing made up', () => {
  const rows = Array.from({ length: 5 }, () => ({ n: null, free: null, listed: null, y: Number.NaN, c: 'yes', truth: 1 }))
  const reference = buildReference(schema, ...parts(rows), source)
  expect(reference.values).toMatchObject([
    { name: 'n', edges: [0, 0], rows: [0], special: { missing: 5, nan: 0 }, mean: null, deviation: null },
    { name: 'free', categories: [], rows: [], special: { other: 0, missing: 5 } },
    { name: 'listed', rows: [0, 0, 0], special: { missing: 5 } },
    { name: 'y', edges: [0, 0], rows: [0], special: { missing: 0, nan: 5 }, mean: null },
    { name: 'c', rows: [5, 0] },
  ])
  expect(reference.baseline).toEqual([])
  expect(parseReference(toReferenceJson(reference), { file: 'reference.json' }, schema)).toEqual(reference)
})
