import { Ajv } from 'ajv'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FAULTS_MAX } from './findings.ts'
import { toRowSchema } from './input-schema.ts'
import { compileRowReader } from './rows.ts'
import { parseModelSchema } from './schema.ts'

const schema = parseModelSchema(
  `name: m
features:
  - { name: wind, type: number, range: [0, 60] }
  - { name: day, type: integer, range: [1, 366] }
  - { name: sky, type: category, categories: [sun, rain] }
  - { name: dry, type: boolean }
  - { name: note, type: category, nullable: true }
  - { name: gust, type: number, range: [0, 10], enforce: count, nullable: true }
outputs:
  - { name: y, kind: regression }
`,
  { file: 'model.yaml' },
)
const read = compileRowReader(schema)
const good = { wind: 3.5, day: 12, sky: 'sun', dry: true, note: 'x', gust: 4 }

test('good rows become columns', () => {
  const { columns, faultCount, violations, specials } = read([good, { ...good, wind: 4, dry: false, note: 'y' }])
  expect(columns).toEqual({
    rows: 2,
    values: [Float64Array.of(3.5, 4), Float64Array.of(12, 12), ['sun', 'sun'], Float64Array.of(1, 0), ['x', 'y'], Float64Array.of(4, 4)],
  })
  expect({ faultCount, violations, specials }).toEqual({ faultCount: 0, violations: [], specials: [] })
})

test.for([
  { why: 'null', row: { ...good, wind: null }, field: 'wind', rule: 'missing', message: 'must not be null' },
  { why: 'absent', row: { day: 1, sky: 'sun', dry: true, note: 'x', gust: 1 }, field: 'wind', rule: 'missing', message: 'is missing' },
  { why: 'a string of digits', row: { ...good, wind: '1' }, field: 'wind', rule: 'type', message: 'must be a number, got the string "1"' },
  { why: 'a list', row: { ...good, wind: [1] }, field: 'wind', rule: 'type', message: 'must be a number, got a list of 1' },
  { why: 'a boolean for a number', row: { ...good, wind: true }, field: 'wind', rule: 'type', message: 'must be a number, got true' },
  { why: 'a number for a boolean', row: { ...good, dry: 1 }, field: 'dry', rule: 'type', message: 'must be true or false, got 1' },
  {
    why: 'a fraction for an integer',
    row: { ...good, day: 1.5 },
    field: 'day',
    rule: 'type',
    message: 'must be a whole number of at most ±9007199254740991, which JSON carries exactly, got 1.5',
  },
  {
    why: 'infinite',
    row: { ...good, wind: Number.POSITIVE_INFINITY },
    field: 'wind',
    rule: 'nonfinite',
    message: 'must be a finite number',
  },
  { why: 'out of range', row: { ...good, day: 367 }, field: 'day', rule: 'range', message: 'must lie between 1 and 366, got 367' },
  {
    why: 'another category',
    row: { ...good, sky: 'hail' },
    field: 'sky',
    rule: 'category',
    message: 'must be one of sun, rain, got the string "hail"',
  },
  { why: 'an unknown field', row: { ...good, wnd: 1 }, field: 'wnd', rule: 'unknown', message: 'is not a feature of the model' },
  { why: 'not an object', row: [1, 2], field: '', rule: 'type', message: 'must be an object' },
])('$why is refused by row, field and reason', ({ row, field, rule, message }) => {
  const { faults, faultCount } = read([good, row])
  expect(faultCount).toBe(1)
  expect(faults[0]).toMatchObject({ row: 1, field, rule, message: expect.stringContaining(message) })
})

test('null where it may be, and a range that is only counted, are served', () => {
  const { columns, faultCount, specials, violations } = read([{ ...good, note: null, gust: 11 }])
  expect(faultCount).toBe(0)
  expect(columns.values[5]).toEqual(Float64Array.of(11))
  expect(specials).toEqual([{ feature: 4, bin: 'missing', count: 1 }])
  expect(violations).toEqual([
    { name: 'note', rule: 'missing', count: 1 },
    { name: 'gust', rule: 'range', count: 1 },
  ])
})

test('a feature that bears the name of an inherited property is missing when absent', () => {
  const odd = compileRowReader(
    parseModelSchema('name: m\nfeatures: [{ name: constructor, type: number }]\noutputs: [{ name: y, kind: regression }]', { file: 'm' }),
  )
  expect(odd([{}]).faults[0]).toMatchObject({ field: 'constructor', rule: 'missing' })
})

test('many faults are counted, and the first ones told', () => {
  const { faults, faultCount } = read(Array.from({ length: 300 }, () => ({ ...good, wind: '1' })))
  expect(faultCount).toBe(300)
  expect(faults).toHaveLength(FAULTS_MAX)
})

test('of rows with unknown fields every known value is counted, and of unknown fields the first thousand', () => {
  const rows = Array.from({ length: 3000 }, (_, r) => ({ [`u${r}`]: 1, wind: r === 2999 ? null : r / 100, day: 1, [`v${r}`]: 1 }))
  const { columns, faults, faultCount, specials, violations } = read(rows)
  expect((columns.values[0] as Float64Array).subarray(0, 2999)).toEqual(Float64Array.from({ length: 2999 }, (_, r) => r / 100))
  expect(columns.values[1]).toEqual(new Float64Array(3000).fill(1))
  expect(specials).toEqual([0, 2, 3, 4, 5].map((feature) => ({ feature, bin: 'missing', count: feature === 0 ? 1 : 3000 })))
  expect(violations.at(-1)).toEqual({ name: '', rule: 'unknown', count: 1000 })
  expect(violations.slice(0, -1)).toEqual([
    { name: 'wind', rule: 'missing', count: 1 },
    ...['sky', 'dry', 'note', 'gust'].map((name) => ({ name, rule: 'missing', count: 3000 })),
  ])
  expect(faultCount).toBe(1 + 4 * 3000 + 1000)
  expect(faults).toHaveLength(FAULTS_MAX)
})

test('what the client sent stays as it was', () => {
  const row = { ...good, extra: 1 }
  const rows = [good, row]
  read(rows)
  expect([rows[1], row]).toEqual([row, { ...good, extra: 1 }])
  expect(rows[1]).toBe(row)
})

test('the reader accepts what the published JSON Schema accepts, and nothing else', () => {
  const validate = new Ajv({ strict: false }).compile(toRowSchema(schema) as object)
  const odd = fc.oneof(
    fc.constantFrom(null, '1', true, 0, 1, 1.5, -0, 'sun', 'hail', '', 400, [], {}),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string(),
  )
  const row = fc.record(
    {
      ...Object.fromEntries(Object.entries(good).map(([k, v]) => [k, fc.oneof({ weight: 4, arbitrary: fc.constant(v) }, odd)])),
      extra: odd,
    },
    { requiredKeys: [] },
  )
  const nearlyGood = fc.tuple(fc.record(Object.fromEntries(Object.keys(good).map((k) => [k, fc.boolean()]))), row).map(([keep, r]) => {
    const merged: Record<string, unknown> = { ...good }
    for (const [key, value] of Object.entries(r)) if (keep[key] === false || key === 'extra') merged[key] = value
    return merged
  })
  fc.assert(
    fc.property(fc.oneof(row, nearlyGood), (value) => {
      expect(read([value]).faultCount === 0).toBe(validate(value))
    }),
    { numRuns: 1000 },
  )
})
