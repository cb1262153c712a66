import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Column, type Columns, parseModelSchema } from '../../../../watch/index.ts'
import { bindInputs } from './inputs.ts'
import { importOrt } from './ort.ts'
import { bindOutputs } from './outputs.ts'
import { probeColumns } from './probe.ts'
import { type Echo, encodeEchoes } from './testing.ts'

const ort = await importOrt()

const schemaOf = (feature: string, output: string) =>
  parseModelSchema(`name: m\nfeatures: [{ name: x, ${feature} }]\noutputs: [{ name: y, ${output} }]`, { file: 'model.yaml' })

/** A model that answers y, which is x. */
async function load(type: Echo['type'], shape: Echo['shape'], feature: string, output: string) {
  const session = await ort.InferenceSession.create(encodeEchoes([{ input: 'x', output: 'y', type, shape }]), { logSeverityLevel: 4 })
  const schema = schemaOf(feature, output)
  const toFeeds = bindInputs(ort, session, 'm.onnx', schema)
  const { fetches, toColumns } = bindOutputs(session, 'm.onnx', schema)
  const predict = async (columns: Columns) => toColumns(await session.run(toFeeds(columns), fetches), columns.rows)
  await predict(probeColumns(schema))
  return predict
}

const value = 'kind: value, type:'

test.for([
  {
    type: 'int64',
    feature: 'type: int64',
    output: `${value} int64`,
    column: BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n, 2n ** 63n - 1n),
  },
  { type: 'uint64', feature: 'type: uint64', output: `${value} uint64`, column: BigUint64Array.of(0n, 2n ** 53n + 1n, 2n ** 64n - 1n) },
  { type: 'string', feature: 'type: category', output: `${value} text`, column: ['', 'ü', '日本'] },
  { type: 'float64', feature: 'type: number', output: `${value} number`, column: Float64Array.of(0.1, -1e300, 3) },
  { type: 'float32', feature: 'type: number', output: 'kind: regression', column: Float64Array.of(0.5, -2, 3) },
  { type: 'int8', feature: 'type: integer, range: [-128, 127]', output: 'kind: regression', column: Float64Array.of(-128, 0, 127) },
  { type: 'uint8', feature: 'type: integer, range: [0, 255]', output: 'kind: regression', column: Float64Array.of(0, 1, 255) },
  { type: 'int16', feature: 'type: integer, range: [-32768, 32767]', output: `${value} number`, column: Float64Array.of(-32768, 0, 32767) },
  { type: 'uint16', feature: 'type: integer, range: [0, 65535]', output: `${value} number`, column: Float64Array.of(0, 1, 65535) },
  { type: 'int32', feature: 'type: integer, range: [-5, 5]', output: `${value} number`, column: Float64Array.of(-5, 0, 5) },
  {
    type: 'uint32',
    feature: 'type: integer, range: [0, 4294967295]',
    output: `${value} number`,
    column: Float64Array.of(0, 1, 2 ** 32 - 1),
  },
  { type: 'int64', feature: 'type: integer', output: 'kind: regression', column: Float64Array.of(-(2 ** 53) + 1, 0, 2 ** 53 - 1) },
] as const)('$feature goes through $type and comes back as it was', async ({ type, feature, output, column }) => {
  const predict = await load(type, ['rows', 1], feature, output)
  expect(await predict({ rows: 3, values: [column as Column] })).toEqual([column])
})

test.for([
  { type: 'float64', feature: 'type: number, nullable: true, shape: [2, 3]', output: `${value} number, shape: [2, 3]` },
  { type: 'int64', feature: 'type: integer, shape: [2, 3]', output: 'kind: regression, shape: [2, 3]' },
] as const)('a shape of $type keeps its order', async ({ type, feature, output }) => {
  const predict = await load(type, ['rows', 2, 3], feature, output)
  const column = Float64Array.from({ length: 12 }, (_, i) => i)
  expect(await predict({ rows: 2, values: [column] })).toEqual([column])
})

test('a model of one input need not share the name of the one feature that fills it', async () => {
  const session = await ort.InferenceSession.create(encodeEchoes([{ input: 'pixels', output: 'p', type: 'float32', shape: ['n', 2, 2] }]))
  const schema = schemaOf('type: number, shape: [2, 2]', `${value} number, shape: [2, 2]`)
  const feeds = bindInputs(ort, session, 'm.onnx', schema)({ rows: 1, values: [Float64Array.of(1, 2, 3, 4)] })
  expect(bindOutputs(session, 'm.onnx', schema).toColumns(await session.run(feeds), 1)).toEqual([Float64Array.of(1, 2, 3, 4)])
})

test('64 bits, any of them', async () => {
  const predict = await load('int64', ['rows'], 'type: int64', `${value} int64`)
  const words = fc.bigInt64Array({ minLength: 1, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(words, async (column) => {
      expect(await predict({ rows: column.length, values: [column] })).toEqual([column])
    }),
    { numRuns: 50 },
  )
})

test.for([
  {
    why: 'a picture',
    type: 'uint8',
    feature: 'type: image',
    want: 'takes x as uint8; in model.yaml it is an image, which this runtime does not decode',
  },
  { why: 'float16', type: 'float16', feature: 'type: number', want: 'takes x as float16; onnxruntime-node cannot send float16' },
  { why: 'a wide integer in 32 bits', type: 'int32', feature: 'type: int64', want: 'takes x as int32; in model.yaml it is an int64' },
  {
    why: 'an unsigned one in a signed tensor',
    type: 'int64',
    feature: 'type: uint64',
    want: 'takes x as int64; in model.yaml it is a uint64',
  },
  { why: 'a number where an int64 is', type: 'float32', feature: 'type: int64', want: 'takes x as float32; in model.yaml it is an int64' },
  { why: 'below zero', type: 'uint8', feature: 'type: integer, range: [-1, 5]', want: 'a range that uint8 holds, from 0 to 255' },
  {
    why: 'a range that is only counted',
    type: 'int8',
    feature: 'type: integer, range: [0, 5], enforce: count',
    want: 'a range that int8 holds',
  },
  { why: 'negative whole numbers', type: 'uint64', feature: 'type: integer', want: 'a range that uint64 holds' },
  { why: 'no shape in the schema', type: 'float32', shape: ['n', 3], feature: 'type: category', want: 'in model.yaml it is a category' },
  {
    why: 'another shape',
    type: 'float32',
    shape: ['n', 3, 2],
    feature: 'type: number, shape: [2, 3]',
    want: 'takes x with the shape [n, 3, 2]; in model.yaml a row has the shape [2, 3]',
  },
  {
    why: 'more dimensions',
    type: 'float32',
    shape: ['n', 1, 2],
    feature: 'type: number',
    want: 'takes x with the shape [n, 1, 2]; a feature without a shape is one value a row',
  },
  { why: 'a batch of fixed size', type: 'float32', shape: [1, 2], feature: 'type: number', want: 'in batches of 1 only' },
] as const)('refused at the start: $why', async ({ type, feature, want, ...rest }) => {
  const shape = 'shape' in rest ? rest.shape : ['rows', 1]
  await expect(load(type, shape, feature, 'kind: regression')).rejects.toThrow(
    expect.objectContaining({ code: 'MW_MODEL_MISMATCH', message: expect.stringContaining(want) }),
  )
})

test.for([
  {
    why: 'a shape that is no single number',
    type: 'float32',
    shape: ['n', 3],
    output: 'kind: regression',
    want: 'answers y with the shape [n, 3]; in model.yaml y has one value a row',
  },
  {
    why: 'another shape',
    type: 'float32',
    shape: ['n', 3, 2],
    output: `${value} number, shape: [2, 3]`,
    want: 'in model.yaml y has the shape [2, 3] a row',
  },
  {
    why: 'wide integers as numbers',
    type: 'int64',
    shape: ['n'],
    output: `${value} number`,
    want: 'answers y as int64; a value number cannot be read from it',
  },
  { why: 'signed ones as unsigned', type: 'int64', shape: ['n'], output: `${value} uint64`, want: 'a value uint64 cannot be read from it' },
  { why: 'numbers as text', type: 'float32', shape: ['n'], output: `${value} text`, want: 'a value text cannot be read from it' },
  { why: 'a picture', type: 'uint8', shape: ['n'], output: `${value} image`, want: 'a value image cannot be read from it' },
  { why: 'float16', type: 'float16', shape: ['n'], output: 'kind: regression', want: 'answers y as float16' },
] as const)('an output that cannot be read is told at the start: $why', async ({ type, shape, output, want }) => {
  const session = await ort.InferenceSession.create(encodeEchoes([{ input: 'x', output: 'y', type, shape }]))
  expect(() => bindOutputs(session, 'm.onnx', schemaOf('type: number', output))).toThrow(
    expect.objectContaining({ code: 'MW_MODEL_MISMATCH', message: expect.stringContaining(want) }),
  )
})

test.for([
  { why: 'the first of them', scores: [Number.NaN, 0.9] },
  { why: 'the last of them', scores: [0.9, Number.NaN] },
  { why: 'all of them', scores: [Number.NaN, Number.NaN] },
])('scores that are no numbers are no class: $why', async ({ scores }) => {
  const predict = await load('float32', ['n', 2], 'type: number, shape: [2]', 'kind: classification, classes: [no, yes]')
  expect(await predict({ rows: 1, values: [Float64Array.of(0.1, 0.9)] })).toEqual([['yes']])
  await expect(predict({ rows: 2, values: [Float64Array.of(0.1, 0.9, ...scores)] })).rejects.toMatchObject({
    code: 'MW_MODEL_ANSWER',
    message: 'm.onnx answers row 1 of y with a score that is no number',
  })
})

test('a shape that the model does not say is held against its answer', async () => {
  const predict = load('float32', ['n', 'k'], 'type: number, shape: [3]', `${value} number, shape: [2]`)
  await expect(predict).rejects.toThrow('answers 3 values of y for 1 rows')
})

test('a column of ones makes no difference to a shape that is answered', async () => {
  const predict = await load('float32', ['n', 3, 1], 'type: number, shape: [3, 1]', `${value} number, shape: [3]`)
  expect(await predict({ rows: 1, values: [Float64Array.of(1, 2, 3)] })).toEqual([Float64Array.of(1, 2, 3)])
})

test('a classifier as scikit-learn exports it without ZipMap: the label, and a probability for each class', async () => {
  const schema = parseModelSchema(
    `name: m
features: [{ name: n, type: integer }, { name: p, type: number, shape: [2] }]
outputs: [{ name: output_label, kind: classification, classes: [no, yes] }, { name: probabilities, kind: value, shape: [2] }]`,
    { file: 'model.yaml' },
  )
  const echoes: readonly Echo[] = [
    { input: 'n', output: 'output_label', type: 'int64', shape: ['rows'] },
    { input: 'p', output: 'probabilities', type: 'float32', shape: ['rows', 2] },
  ]
  const session = await ort.InferenceSession.create(encodeEchoes(echoes))
  const feeds = bindInputs(ort, session, 'm.onnx', schema)({ rows: 2, values: [Float64Array.of(1, 0), Float64Array.of(0.25, 0.75, 1, 0)] })
  const { fetches, toColumns } = bindOutputs(session, 'm.onnx', schema)
  expect(toColumns(await session.run(feeds, fetches), 2)).toEqual([['yes', 'no'], Float64Array.of(0.25, 0.75, 1, 0)])
})
