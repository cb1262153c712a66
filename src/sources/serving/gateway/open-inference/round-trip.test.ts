import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseModelSchema } from '../../../../watch/index.ts'
import type { LoadedModel } from '../../runtimes/contract.ts'
import { onnxRuntime } from '../../runtimes/onnx/index.ts'
import { type Echo, encodeEchoes } from '../../runtimes/onnx/testing.ts'
import { testContext } from '../../runtimes/testing.ts'
import { createTestProtocol, type TestProtocol } from './testing.ts'

/** A feature and what its datatype carries: each answer is the input, out of a real model that does nothing. */
interface Case {
  readonly datatype: string
  readonly tensor: Echo['type']
  readonly feature: string
  readonly output: string
  readonly answered: string
  /** A datum as text of JSON. */
  readonly datum: fc.Arbitrary<string>
}

const range = (low: number, high: number) => `type: integer, range: [${low}, ${high}]`
const integer = (low: number, high: number) => fc.integer({ min: low, max: high }).map(String)
const number = 'kind: value, type: number'
const float32 = fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value))
const cases: readonly Case[] = [
  { datatype: 'UINT8', tensor: 'uint8', feature: range(0, 255), output: number, answered: 'FP64', datum: integer(0, 255) },
  { datatype: 'UINT16', tensor: 'uint16', feature: range(0, 65535), output: number, answered: 'FP64', datum: integer(0, 65535) },
  {
    datatype: 'UINT32',
    tensor: 'uint32',
    feature: range(0, 2 ** 32 - 1),
    output: number,
    answered: 'FP64',
    datum: fc.nat(2 ** 31 - 1).map((n) => String(2 * n + 1)),
  },
  { datatype: 'INT8', tensor: 'int8', feature: range(-128, 127), output: number, answered: 'FP64', datum: integer(-128, 127) },
  { datatype: 'INT16', tensor: 'int16', feature: range(-32768, 32767), output: number, answered: 'FP64', datum: integer(-32768, 32767) },
  {
    datatype: 'INT32',
    tensor: 'int32',
    feature: range(-(2 ** 31), 2 ** 31 - 1),
    output: number,
    answered: 'FP64',
    datum: fc.integer().map(String),
  },
  {
    datatype: 'INT64',
    tensor: 'int64',
    feature: 'type: int64',
    output: 'kind: value, type: int64',
    answered: 'INT64',
    datum: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n).map(String),
  },
  {
    datatype: 'UINT64',
    tensor: 'uint64',
    feature: 'type: uint64',
    output: 'kind: value, type: uint64',
    answered: 'UINT64',
    datum: fc.bigInt(0n, 2n ** 64n - 1n).map(String),
  },
  {
    datatype: 'FP16',
    tensor: 'float32',
    feature: 'type: number',
    output: number,
    answered: 'FP64',
    datum: fc.integer({ min: -2048, max: 2048 }).map((n) => String(n / 8)),
  },
  { datatype: 'FP32', tensor: 'float32', feature: 'type: number', output: 'kind: regression', answered: 'FP64', datum: float32 },
  {
    datatype: 'FP64',
    tensor: 'float64',
    feature: 'type: number',
    output: number,
    answered: 'FP64',
    datum: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  },
  {
    datatype: 'BYTES',
    tensor: 'string',
    feature: 'type: category',
    output: 'kind: value, type: text',
    answered: 'BYTES',
    datum: fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text.replaceAll('\0', ''))),
  },
]

let dir = ''
const loaded: LoadedModel[] = []
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'open-inference-'))
})
afterAll(async () => {
  for (const model of loaded) await model.unload()
  await rm(dir, { recursive: true })
})

async function serve(name: string, echoes: readonly Echo[], features: string, outputs: string): Promise<TestProtocol> {
  const schema = parseModelSchema(`name: echo\nfeatures: [${features}]\noutputs: [${outputs}]`, { file: 'model.yaml' })
  const path = join(dir, `${name}.onnx`)
  await writeFile(path, encodeEchoes(echoes))
  const model = await onnxRuntime.load(path, schema, testContext(onnxRuntime))
  loaded.push(model)
  return createTestProtocol({ schema, loaded: model })
}

/** The text of the data of an output, as it stands in the answer: digits that JSON.parse would round are still there. */
const dataOf = (text: string) => /"data":(\[.*?\])\}\]\}$/.exec(text)?.[1]

test.for(cases)(
  '$datatype comes out of a model as it went in, batch by batch and row by row',
  async ({ datatype, tensor, feature, output, answered, datum }) => {
    const echo: Echo = { input: 'x', output: 'y', type: tensor, shape: ['rows', 1] }
    const { post } = await serve(datatype, [echo], `{ name: x, ${feature} }`, `{ name: y, ${output} }`)
    const ask = (data: readonly string[]) =>
      post('/models/echo/infer', `{"inputs":[{"name":"x","shape":[${data.length},1],"datatype":"${datatype}","data":[${data.join(',')}]}]}`)
    await fc.assert(
      fc.asyncProperty(fc.array(datum, { minLength: 1, maxLength: 6 }), async (data) => {
        const { status, text, body } = await ask(data)
        expect(status, text).toBe(200)
        expect(body.outputs).toMatchObject([{ name: 'y', datatype: answered, shape: [data.length] }])
        const batch = dataOf(text)!
        if (/64/.test(answered) && answered !== 'FP64') expect(batch).toBe(`[${data.join(',')}]`)
        else expect(JSON.parse(batch)).toEqual(JSON.parse(`[${data.join(',')}]`.replaceAll(/-0\b(?!\.)/g, '0')))
        const singles: string[] = []
        for (const one of data) singles.push(dataOf((await ask([one])).text)!.slice(1, -1))
        expect(`[${singles.join(',')}]`).toBe(batch)
      }),
      { numRuns: 15 },
    )
  },
)

test('BOOL and shapes, nested and flat, among other tensors', async () => {
  const { post } = await serve(
    'mixed',
    [
      { input: 'flag', output: 'f', type: 'bool', shape: ['rows', 1] },
      { input: 'grid', output: 'g', type: 'float32', shape: ['rows', 2, 3] },
    ],
    '{ name: flag, type: boolean }, { name: grid, type: number, shape: [2, 3] }',
    '{ name: g, kind: value, shape: [2, 3] }',
  )
  const grid = [
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    [
      [0, 0.5, 0],
      [1, 1, 1],
    ],
  ]
  const flag = { name: 'flag', shape: [2], datatype: 'BOOL', data: [true, false] }
  for (const data of [grid, grid.flat(2)]) {
    const answer = await post('/models/echo/infer', { inputs: [{ name: 'grid', shape: [2, 2, 3], datatype: 'FP32', data }, flag] })
    expect(answer).toMatchObject({ status: 200, body: { outputs: [{ name: 'g', shape: [2, 2, 3], data: grid.flat(2) }] } })
  }
  const turned = { name: 'grid', shape: [2, 3, 2], datatype: 'FP32', data: grid.flat(2) }
  expect(await post('/models/echo/infer', { inputs: [turned, flag] })).toMatchObject({
    status: 400,
    body: { error: 'grid has the shape [2, 3, 2]; the model takes [rows, 2, 3]' },
  })
  const holes = { name: 'grid', shape: [1, 2, 3], datatype: 'FP32', data: [1, null, 3, 4, 5, 6] }
  expect(await post('/models/echo/infer', { inputs: [holes, { ...flag, shape: [1], data: [true] }] })).toMatchObject({
    status: 400,
    body: { error: 'grid [0][1] must not be null' },
  })
})

test('a wide integer that a double cannot hold is refused where the model takes a double', async () => {
  const echo: Echo = { input: 'x', output: 'y', type: 'float64', shape: ['rows', 1] }
  const { post } = await serve('double', [echo], '{ name: x, type: number }', '{ name: y, kind: regression }')
  const ask = (datatype: string, datum: string) =>
    post('/models/echo/infer', `{"inputs":[{"name":"any","shape":[1],"datatype":"${datatype}","data":[${datum}]}]}`)
  expect(await ask('INT64', '9007199254740993')).toMatchObject({
    status: 400,
    body: { error: expect.stringContaining('more than the model holds exactly') },
  })
  expect(await ask('INT64', '"9007199254740991"')).toMatchObject({ status: 200, body: { outputs: [{ data: [9007199254740991] }] } })
  expect(await ask('FP64', '9007199254740993')).toMatchObject({ status: 200, body: { outputs: [{ data: [9007199254740992] }] } })
})
