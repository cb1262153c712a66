import { expect, test } from 'vitest'
import { buildReference, toReferenceJson } from './profile.ts'
import { parseReference, referenceRows, toLayout } from './reference.ts'
import { compileRowReader } from './rows.ts'
import { parseModelSchema } from './schema.ts'
import { testReference, testSchema } from './testing.ts'

const json = toReferenceJson(testReference())
const file = 'reference.json'

test('what is written is read back', () => {
  expect(parseReference(json, { file }, testSchema)).toEqual(testReference())
})

test('a profile counts every row once, and knows the quality of the predictions', () => {
  const reference = testReference()
  const [wind, sky] = reference.values
  expect(wind).toMatchObject({
    kind: 'number',
    rows: new Array(10).fill(10),
    special: { below: 0, above: 0, missing: 0, nan: 0, invalid: 0 },
  })
  expect(sky).toMatchObject({ kind: 'category', categories: ['sun', 'rain'], rows: [50, 50] })
  expect(reference.baseline).toEqual([{ name: 'warmth', rows: 100, mae: 1, rmse: 1, bias: -1 }])
})

test('missing, invalid, not finite and rare values are profiled like any other', () => {
  const schema = parseModelSchema(
    'name: m\nfeatures: [{ name: a, type: number, nullable: true }, { name: c, type: category }]\noutputs: [{ name: y, kind: regression }]',
    { file: 'm' },
  )
  const rows = [
    { a: 1, c: 'x' },
    { a: null, c: 'x' },
    { a: 'oops', c: 'y' },
    { a: Number.NaN, c: 'y'.repeat(500) },
    { a: 2, c: 'z' },
  ]
  const read = compileRowReader(schema)(rows)
  const options = { binsMax: 10, categoriesMax: 2 }
  const reference = buildReference(schema, read, [Float64Array.of(1, Number.NaN, 3, 4, 5)], new Map(), { file: 'f', sha256: '' }, options)
  expect(reference.values).toMatchObject([
    {
      name: 'a',
      edges: [1, 2, 2],
      rows: [1, 1],
      special: { below: 0, above: 0, missing: 1, nan: 1, invalid: 1 },
      mean: 1.5,
      deviation: 0.5,
    },
    { name: 'c', categories: ['x', 'y'], rows: [2, 1], special: { other: 2, missing: 0, invalid: 0 } },
    { name: 'y', special: { nan: 1 } },
  ])
  for (const value of reference.values) expect(referenceRows(value)).toHaveLength(toLayout(value).labels.length)
})

test.for([
  {
    why: 'another model',
    change: ['"model": "demo"', '"model": "other"'],
    want: 'reference.json:3:3: model: this is the reference of the model other, not of demo',
  },
  { why: 'a value the model lacks', change: ['"name":"wind"', '"name":"wnd"'], want: 'the model demo has no input wnd' },
  { why: 'a missing value', change: [/ {4}\{"role":"output".*\n/, ''], want: 'has no output warmth, which the model demo has' },
  { why: 'a number as category', change: ['"name":"wind","kind":"number"', '"name":"wind","kind":"category"'], want: 'reference.json:7:' },
  { why: 'edges that fall', change: ['"edges":[0,6', '"edges":[9,6'], want: 'values[0].edges[1]: edges must rise' },
  {
    why: 'counts that do not add up',
    change: ['"categories":["sun","rain"],"rows":[50', '"categories":["sun","rain"],"rows":[51'],
    want: 'its bins hold 101 rows, the reference 100',
  },
  { why: 'a category twice', change: ['"categories":["sun","rain"]', '"categories":["sun","sun"]'], want: 'values[1].categories: must' },
  { why: 'an unknown key', change: ['"format"', '"formt"'], want: 'reference.json:2:3: formt: unknown key' },
  { why: 'a half-written file', change: [/.{40}\n\}\n$/s, ''], want: 'reference.json:' },
] as const)('$why is refused', ({ change: [from, to], want }) => {
  const text = json.replace(from, to).replace('},\n  ],', '}\n  ],')
  expect(text).not.toBe(json)
  expect(() => parseReference(text, { file }, testSchema)).toThrow(
    expect.objectContaining({ code: 'MW_CONFIG_INVALID', message: expect.stringContaining(want) }),
  )
})
