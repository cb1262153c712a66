import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeOnnx, type OnnxGraph } from '../../../../../examples/weather/train/onnx-writer.ts'
import { type ModelSchema, parseModelSchema } from '../../../../watch/index.ts'
import { testContext } from '../testing.ts'
import { onnxRuntime } from './index.ts'

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'onnx-'))
})
afterAll(() => rm(dir, { recursive: true }))

const load = (path: string, model: ModelSchema) => onnxRuntime.load(path, model, testContext(onnxRuntime))
const schema = (features: string, outputs = '{ name: y, kind: regression }') =>
  parseModelSchema(`name: m\nfeatures: [${features}]\noutputs: [${outputs}]`, { file: 'model.yaml' })
const ab = '{ name: a, type: number }, { name: b, type: number }'

/** y = a + b, one input per feature. */
const sum: OnnxGraph = {
  name: 'sum',
  inputs: [
    { name: 'a', type: 'float', shape: ['rows', 1] },
    { name: 'b', type: 'float', shape: ['rows', 1] },
  ],
  outputs: [{ name: 'y', type: 'float', shape: ['rows', 1] }],
  nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['y'] }],
  constants: [],
}
/** y = 10·x₀ + x₁, one matrix. */
const matrix: OnnxGraph = {
  name: 'matrix',
  inputs: [{ name: 'x', type: 'float', shape: ['rows', 2] }],
  outputs: [{ name: 'score', type: 'float', shape: ['rows', 1] }],
  nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['score'] }],
  constants: [{ name: 'w', type: 'float', shape: [2, 1], values: [10, 1] }],
}
/** The category itself. */
const echo: OnnxGraph = {
  name: 'echo',
  inputs: [{ name: 'c', type: 'string', shape: ['rows', 1] }],
  outputs: [{ name: 'label', type: 'string', shape: ['rows', 1] }],
  nodes: [{ op: 'Identity', inputs: ['c'], outputs: ['label'] }],
  constants: [],
}

async function write(name: string, graph: OnnxGraph): Promise<string> {
  const path = join(dir, name)
  await writeFile(path, encodeOnnx({ irVersion: 8, opsets: { '': 17 }, producer: 'test', description: '', graph }))
  return path
}

test('one input per feature', async () => {
  const model = await load(await write('sum.onnx', sum), schema(ab))
  expect(await model.predict({ rows: 3, values: [Float64Array.of(1, 2, Number.NaN), Float64Array.of(10, 20, 30)] })).toEqual([
    Float64Array.of(11, 22, Number.NaN),
  ])
  expect(await model.predict({ rows: 0, values: [new Float64Array(0), new Float64Array(0)] })).toEqual([new Float64Array(0)])
  await model.unload()
})

test('one matrix, in the order of the schema; the only output need not bear its name', async () => {
  const model = await load(await write('matrix.onnx', matrix), schema(ab))
  expect(await model.predict({ rows: 2, values: [Float64Array.of(1, 2), Float64Array.of(3, 4)] })).toEqual([Float64Array.of(13, 24)])
})

test('the class as text', async () => {
  const model = await load(
    await write('echo.onnx', echo),
    schema('{ name: c, type: category, categories: [x, z] }', '{ name: label, kind: classification, classes: [x, z] }'),
  )
  expect(await model.predict({ rows: 2, values: [['z', 'x']] })).toEqual([['z', 'x']])
})

test('scores for each class: the highest wins', async () => {
  const scores: OnnxGraph = {
    ...matrix,
    outputs: [{ name: 'scores', type: 'float', shape: ['rows', 2] }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['scores'] }],
    constants: [],
  }
  const model = await load(await write('scores.onnx', scores), schema(ab, '{ name: k, kind: classification, classes: [no, yes] }'))
  expect(await model.predict({ rows: 2, values: [Float64Array.of(0.9, 0.2), Float64Array.of(0.1, 0.8)] })).toEqual([['no', 'yes']])
})

test.for([
  {
    why: 'another feature',
    graph: sum,
    features: '{ name: a, type: number }, { name: c, type: number }',
    want: 'takes the inputs a, b; model.yaml has the features a, c',
  },
  { why: 'one feature more', graph: sum, features: `${ab}, { name: c, type: number }`, want: 'takes the inputs a, b' },
  {
    why: 'a category where a number belongs',
    graph: sum,
    features: '{ name: a, type: number }, { name: b, type: category }',
    want: 'takes b as float32; in model.yaml it is a category',
  },
  {
    why: 'a number where a category belongs',
    graph: echo,
    features: '{ name: c, type: number }',
    want: 'takes c as string; in model.yaml it is a number',
  },
  {
    why: 'another width',
    graph: matrix,
    features: '{ name: a, type: number }',
    want: 'takes x as float32 with 2 columns; model.yaml has 1 features',
  },
  {
    why: 'a category beside a matrix',
    graph: matrix,
    features: '{ name: a, type: number }, { name: b, type: category }',
    want: 'b: a category has no place in it',
  },
  {
    why: 'two outputs where one is',
    graph: sum,
    features: ab,
    outputs: '{ name: y, kind: regression }, { name: z, kind: regression }',
    want: 'answers y; model.yaml has the output z',
  },
  {
    why: 'text where a number belongs',
    graph: echo,
    features: '{ name: c, type: category }',
    want: 'answers label as string; a regression cannot be read from it',
  },
])('a model and a schema that disagree are told apart by name: $why', async ({ graph, features, outputs, want }) => {
  const path = await write(`mismatch-${graph.name}.onnx`, graph)
  await expect(load(path, schema(features, outputs))).rejects.toThrow(
    expect.objectContaining({ code: 'MW_MODEL_MISMATCH', message: expect.stringContaining(want) }),
  )
})

const typed = (type: 'int64' | 'float'): OnnxGraph => ({
  name: type,
  inputs: [{ name: 'n', type, shape: ['rows', 1] }],
  outputs: [{ name: 'y', type, shape: ['rows', 1] }],
  nodes: [{ op: 'Identity', inputs: ['n'], outputs: ['y'] }],
  constants: [],
})

test.for([
  {
    why: 'null would become 0',
    features: '{ name: n, type: integer, nullable: true }',
    want: 'it is nullable, and int64 has no value for null',
  },
  { why: '1.7 would become 1', features: '{ name: n, type: number }', want: 'it is a number' },
])('no value silently becomes another: $why', async ({ features, want }) => {
  await expect(load(await write('int64.onnx', typed('int64')), schema(features))).rejects.toThrow(
    expect.objectContaining({ code: 'MW_MODEL_MISMATCH', message: expect.stringContaining(want) }),
  )
})

test('whole numbers pass through int64 without loss', async () => {
  const model = await load(await write('int64.onnx', typed('int64')), schema('{ name: n, type: integer }'))
  const values = Float64Array.of(0, -7, Number.MAX_SAFE_INTEGER)
  expect(await model.predict({ rows: 3, values: [values] })).toEqual([values])
})

test('a number that 32 bits cannot hold is refused, not made infinite', async () => {
  const model = await load(await write('float.onnx', typed('float')), schema('{ name: n, type: number }'))
  await expect(model.predict({ rows: 2, values: [Float64Array.of(1, 1e300)] })).rejects.toThrow(
    expect.objectContaining({ code: 'MW_INPUT_UNFIT' }),
  )
})

test('a file that is no ONNX, and half a file, are refused', async () => {
  const whole = await readFile(await write('whole.onnx', matrix))
  const cases = { 'text.onnx': Buffer.from('a,b\n1,2\n'), 'half.onnx': whole.subarray(0, whole.length / 2), 'empty.onnx': Buffer.alloc(0) }
  for (const [name, bytes] of Object.entries(cases)) {
    await writeFile(join(dir, name), bytes)
    await expect(load(join(dir, name), schema(ab)), name).rejects.toThrow(expect.objectContaining({ code: 'MW_MODEL_UNREADABLE' }))
  }
})

test.for(['inline', 'threads'] as const)('a row made up whose scores are no numbers does not refuse the model, %s', async (placement) => {
  const roots: OnnxGraph = {
    name: 'roots',
    inputs: [{ name: 'x', type: 'float', shape: ['rows', 2] }],
    outputs: [{ name: 'y', type: 'float', shape: ['rows', 2] }],
    nodes: [{ op: 'Sqrt', inputs: ['x'], outputs: ['y'] }],
    constants: [],
  }
  const of = schema('{ name: x, type: number, shape: [2], range: [-1, 9] }', '{ name: y, kind: classification, classes: [no, yes] }')
  const model = await onnxRuntime.load(await write('roots.onnx', roots), of, { ...testContext(onnxRuntime), placement })
  expect(await model.predict({ rows: 1, values: [Float64Array.of(1, 4)] })).toEqual([['yes']])
  await expect(model.predict({ rows: 1, values: [Float64Array.of(-1, 4)] })).rejects.toMatchObject({ code: 'MW_MODEL_ANSWER' })
  await model.unload()
})
