import { expect, test } from 'vitest'
import { type Column, type Columns, parseModelSchema } from '../../../watch/index.ts'
import { checkGolden, parseGolden } from './golden.ts'

const schema = parseModelSchema(
  `
name: demo
features:
  - { name: x, type: number, range: [0, 100] }
  - { name: sky, type: category, categories: [sun, rain], nullable: true }
outputs:
  - { name: y, kind: regression }
  - { name: label, kind: classification, classes: [low, high] }
  - { name: grid, kind: regression, shape: [2, 2] }
  - { name: id, kind: value, type: int64 }
  - { name: word, kind: value, type: text }
`,
  { file: 'model.yaml' },
)

/** y = 2x, or none for rain; label by x; grid = x, x + 1, …; id = 2⁶² + x; word = the sky. */
async function predict({ rows, values }: Columns): Promise<readonly Column[]> {
  const [x, sky] = values as [Float64Array, readonly string[]]
  return [
    Float64Array.from(x, (value, r) => (sky[r] === 'rain' ? Number.NaN : 2 * value)),
    Array.from(x, (value) => (value < 50 ? 'low' : 'high')),
    Float64Array.from({ length: rows * 4 }, (_, i) => x[Math.floor(i / 4)]! + (i % 4)),
    BigInt64Array.from(x, (value) => 2n ** 62n + BigInt(value)),
    [...sky],
  ]
}

const row = (outputs: unknown, inputs: unknown = { x: 10, sky: 'sun' }, tolerance?: number) => ({
  inputs,
  outputs,
  ...(tolerance === undefined ? {} : { tolerance }),
})
const check = async (...rows: unknown[]) => checkGolden(parseGolden(JSON.stringify(rows), { file: 'golden.json' }, schema), schema, predict)

test.for([
  { why: 'a number', outputs: { y: 20 } },
  { why: 'within 1e-5 of itself and of 1', outputs: { y: 20.0002 } },
  { why: 'within 1e-5 of nothing, where a share of it is nothing', outputs: { y: 0.000009 }, inputs: { x: 0, sky: 'sun' } },
  { why: 'a class', outputs: { label: 'low' } },
  { why: 'a nested list', outputs: { grid: [[10, 11], [12, 13]] } }, // biome-ignore format: as it stands in the file
  { why: 'a flat list', outputs: { grid: [10, 11, 12, 13] } },
  { why: 'digits of 64 bits', outputs: { id: '4611686018427387914' } },
  { why: 'text', outputs: { word: 'sun' } },
  { why: 'all of them', outputs: { y: 20, label: 'low', grid: [10, 11, 12, 13], id: '4611686018427387914', word: 'sun' } },
  { why: 'no number', outputs: { y: null }, inputs: { x: 10, sky: 'rain' } },
])('$why agrees', async ({ outputs, inputs }) => expect(await check(row(outputs, inputs))).toBe(1))

test.for([
  { why: 'another number', outputs: { y: 21 }, want: 'golden.json, row 1, y: expected 21, got 20, off by 1.00 where 0.000220 is allowed' },
  { why: 'just outside of the tolerance', outputs: { y: 20.0003 }, want: 'row 1, y: expected 20.0003, got 20' },
  { why: 'no number where one is expected', outputs: { y: 20 }, inputs: { x: 10, sky: 'rain' }, want: 'expected 20, got no number' },
  { why: 'a number where none is expected', outputs: { y: null }, want: 'expected no number, got 20' },
  { why: 'another class', outputs: { label: 'high' }, want: 'row 1, label: expected "high", got "low"' },
  { why: 'one value of a list', outputs: { grid: [10, 11, 99, 13] }, want: 'row 1, grid, value 3: expected 99, got 12' },
  { why: 'the last of 64 bits', outputs: { id: '4611686018427387915' }, want: 'expected 4611686018427387915, got 4611686018427387914' },
  { why: 'text', outputs: { word: 'Sun' }, want: 'expected "Sun", got "sun"' },
])('$why does not agree', async ({ outputs, inputs, want }) => {
  await expect(check(row(outputs, inputs))).rejects.toThrow(
    expect.objectContaining({ code: 'MW_GOLDEN_MISMATCH', message: expect.stringContaining(want) }),
  )
})

test('each row has its tolerance, and the row is named', async () => {
  const exact = row({ y: 20 }, undefined, 0)
  expect(await check(exact, row({ y: 22 }, undefined, 0.1))).toBe(2)
  await expect(check(exact, row({ y: 20.5 }, undefined, 0.01))).rejects.toThrow('golden.json, row 2, y: expected 20.5, got 20')
})

test('many rows go in calls of bearable size, and the row that is wrong is found in any', async () => {
  const sizes: number[] = []
  const rows = Array.from({ length: 600 }, (_, i) => row({ y: 2 * (i % 100) }, { x: i % 100, sky: 'sun' }))
  const golden = parseGolden(JSON.stringify(rows), { file: 'golden.json' }, schema)
  const counted = (columns: Columns) => {
    sizes.push(columns.rows)
    return predict(columns)
  }
  expect(await checkGolden(golden, schema, counted)).toBe(600)
  expect(sizes).toEqual([256, 256, 88])
  rows[599]!.outputs = { y: -1 }
  await expect(check(...rows)).rejects.toThrow('row 600, y: expected -1, got 198')
})

test('a model that fails on its rows has not proven anything', async () => {
  const golden = parseGolden(JSON.stringify([row({ y: 20 })]), { file: 'golden.json' }, schema)
  const failing = checkGolden(golden, schema, async () => {
    throw new Error('out of memory')
  })
  await expect(failing).rejects.toThrow('the model fails on rows 1 to 1 of golden.json: out of memory')
})

test('a model that answers too little is not read past its end', async () => {
  const golden = parseGolden(JSON.stringify([row({ grid: [10, 11, 12, 13] })]), { file: 'golden.json' }, schema)
  const short = checkGolden(golden, schema, async (columns) => (await predict(columns)).with(2, new Float64Array(2)))
  await expect(short).rejects.toThrow('row 1, grid: 4 values are expected, and the model answers 2')
})

test.for([
  { why: 'no list', text: '{}', want: 'golden.json:1:1' },
  { why: 'no row', text: '[]', want: 'golden.json:1:1' },
  { why: 'half a file', text: '[{"inputs": {', want: 'not valid JSON' },
  { why: 'an unknown key', text: JSON.stringify([{ ...row({ y: 1 }), weight: 3 }]), want: '[0].weight: unknown key' },
  { why: 'no outputs', text: JSON.stringify([row({})]), want: 'outputs' },
  { why: 'a negative tolerance', text: JSON.stringify([row({ y: 1 }, undefined, -1)]), want: 'tolerance' },
  { why: 'too many rows', text: JSON.stringify(Array.from({ length: 1001 }, () => row({ y: 1 }))), want: '1000' },
  {
    why: 'an output that is none',
    text: JSON.stringify([row({ z: 1 })]),
    want: '[0].outputs.z: is no output of the model; its outputs are y, label',
  },
  {
    why: 'a row that the schema refuses',
    text: JSON.stringify([row({ y: 1 }), row({ y: 1 }, { x: 101, sky: 'sun' })]),
    want: '[1].inputs.x: must lie between 0 and 100',
  },
  { why: 'a missing input', text: JSON.stringify([row({ y: 1 }, { x: 1 })]), want: '[0].inputs.sky: is missing' },
  { why: 'a number as text', text: JSON.stringify([row({ y: '1' })]), want: '[0].outputs.y: "1" is nothing that a regression can be' },
  {
    why: 'a class that is none',
    text: JSON.stringify([row({ label: 'middle' })]),
    want: '"middle" is nothing that a classification can be',
  },
  { why: 'a list for one value', text: JSON.stringify([row({ y: [1, 2] })]), want: 'must be one value' },
  { why: 'a list of another shape', text: JSON.stringify([row({ grid: [[1, 2, 3, 4]] })]), want: 'must be a list of shape [2, 2]' },
  { why: 'a ragged list', text: JSON.stringify([row({ grid: [[1, 2], [3]] })]), want: 'must be a list of shape [2, 2]' },
  {
    why: 'digits that a JSON number loses',
    text: '[{"inputs": {"x": 1, "sky": "sun"}, "outputs": {"id": 4611686018427387914}}]',
    want: 'is nothing that a value of type int64 can be',
  },
])('$why is refused', ({ text, want }) => {
  expect(() => parseGolden(text, { file: 'golden.json' }, schema)).toThrow(
    expect.objectContaining({ code: 'MW_CONFIG_INVALID', message: expect.stringContaining(want) }),
  )
})
