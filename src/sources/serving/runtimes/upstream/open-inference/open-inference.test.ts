import { afterEach, expect, test } from 'vitest'
import { type Column, parseModelSchema } from '../../../../../watch/index.ts'
import { loadUpstream, reply, startServer, type TestServer } from '../testing.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Scripted {
  readonly features?: string
  readonly outputs?: string
  readonly inputs: readonly unknown[]
  readonly answers?: readonly unknown[]
  /** What `infer` answers to the second request on; the first is the row that is tried. */
  readonly infer?: unknown
  readonly ready?: { readonly status: number; readonly body: unknown }
  readonly yaml?: string
}

const y = { name: 'y', datatype: 'FP64', shape: [-1, 1] }

/** A server whose model answers what the test says, for as many rows as it is asked. */
async function load({
  features = '{ name: a, type: number }',
  outputs = '{ name: y, kind: regression }',
  inputs,
  answers = [y],
  infer,
  ready,
  yaml = '',
}: Scripted) {
  const server = await startServer(({ path, body }, response) => {
    if (path.endsWith('/ready')) reply(response, ready?.body ?? { ready: true }, { status: ready?.status ?? 200 })
    else if (!path.endsWith('/infer')) reply(response, { name: 'm', platform: 'test', inputs, outputs: answers })
    else {
      const rows = (JSON.parse(body) as { inputs: { shape: number[] }[] }).inputs[0]!.shape[0]!
      reply(
        response,
        infer ?? {
          model_name: 'm',
          outputs: [{ name: 'y', datatype: 'FP64', shape: [rows, 1], data: Array.from({ length: rows }, (_, r) => r) }],
        },
      )
    }
  })
  closing.push(server.close)
  const schema = parseModelSchema(`name: m\nfeatures: [${features}]\noutputs: [${outputs}]`, { file: 'model.yaml' })
  const { model } = await loadUpstream(`url: ${server.url}\nprotocol: open-inference\nstartup_wait: 0\n${yaml}`, schema)
  closing.push(() => model.unload())
  return { server, model }
}

const bodies = ({ seen }: TestServer) => seen.filter(({ method }) => method === 'POST').map(({ body }) => body)
const a = (datatype: string, shape: readonly number[] = [-1]) => ({ name: 'a', datatype, shape })

test('asks for readiness and metadata of a version, and infers with it', async () => {
  const { server } = await load({ inputs: [a('FP64')], yaml: 'model: other name\nversion: "2"' })
  expect(server.seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'GET /v2/models/other%20name/versions/2/ready',
    'GET /v2/models/other%20name/versions/2',
    'POST /v2/models/other%20name/versions/2/infer',
  ])
  expect(bodies(server)).toEqual(['{"inputs":[{"name":"a","shape":[1],"datatype":"FP64","data":[0]}],"outputs":[{"name":"y"}]}'])
})

test.for<{ why: string; features: string; inputs: readonly unknown[]; values: readonly Column[]; rows?: number; want: string }>([
  {
    why: 'one matrix',
    features: '{ name: a, type: number }, { name: b, type: integer }, { name: c, type: boolean }',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
    values: [Float64Array.of(1.5, 2), Float64Array.of(3, 4), Float64Array.of(1, 0)],
    rows: 2,
    want: '[{"name":"x","shape":[2,3],"datatype":"FP32","data":[1.5,3,1,2,4,0]}]',
  },
  {
    why: 'a tensor each, of every datatype',
    features:
      '{ name: a, type: integer }, { name: b, type: boolean }, { name: c, type: category }, { name: d, type: uint64 }, { name: e, type: image }, { name: f, type: number, nullable: true }',
    inputs: [
      { name: 'f', datatype: 'FP16', shape: [-1, 1] },
      { name: 'a', datatype: 'INT8', shape: [-1] },
      { name: 'b', datatype: 'BOOL', shape: [-1, 1] },
      { name: 'c', datatype: 'BYTES', shape: [-1, -1] },
      { name: 'd', datatype: 'UINT64', shape: [-1] },
      { name: 'e', datatype: 'BYTES', shape: [-1] },
    ],
    values: [
      Float64Array.of(-128),
      Float64Array.of(1),
      ['red'],
      BigUint64Array.of(2n ** 64n - 1n),
      [Uint8Array.of(255)],
      Float64Array.of(Number.NaN),
    ],
    want:
      '[{"name":"a","shape":[1],"datatype":"INT8","data":[-128]},{"name":"b","shape":[1,1],"datatype":"BOOL","data":[true]},' +
      '{"name":"c","shape":[1,1],"datatype":"BYTES","data":["red"]},{"name":"d","shape":[1],"datatype":"UINT64","data":[18446744073709551615]},' +
      '{"name":"e","shape":[1],"datatype":"BYTES","parameters":{"content_type":"base64"},"data":["/w=="]},{"name":"f","shape":[1,1],"datatype":"FP16","data":[null]}]',
  },
  {
    why: 'a shape',
    features: '{ name: a, type: number, shape: [2, 2] }',
    inputs: [a('FP32', [-1, 2, -1])],
    values: [Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
    rows: 2,
    want: '[{"name":"a","shape":[2,2,2],"datatype":"FP32","data":[1,2,3,4,5,6,7,8]}]',
  },
])('inputs: $why', async ({ features, inputs, values, rows = 1, want }) => {
  const { server, model } = await load({ features, inputs })
  await model.predict({ rows, values })
  expect(bodies(server)[1]).toBe(`{"inputs":${want},"outputs":[{"name":"y"}]}`)
})

test('a model exported for one row gets one row a request', async () => {
  const { server, model } = await load({ inputs: [a('FP64', [1, 1])] })
  expect(await model.predict({ rows: 3, values: [Float64Array.of(1, 2, 3)] })).toEqual([Float64Array.of(0, 0, 0)])
  expect(bodies(server).length).toBe(4)
})

test.for([
  { why: 'an INT8 of 300', datatype: 'INT8', type: 'integer', value: 300, want: 'a: 300 does not fit into INT8, which the model takes' },
  { why: 'a UINT32 below 0', datatype: 'UINT32', type: 'integer', value: -1, want: 'a: -1 does not fit into UINT32' },
  { why: 'an FP32 that would be infinite', datatype: 'FP32', type: 'number', value: 3.5e38, want: 'does not fit into FP32' },
  { why: 'an FP16 that would be infinite', datatype: 'FP16', type: 'number', value: 65_520, want: 'does not fit into FP16' },
  { why: 'an infinity', datatype: 'FP64', type: 'number', value: Number.POSITIVE_INFINITY, want: 'does not fit into FP64' },
])('no value silently becomes another: $why', async ({ datatype, type, value, want }) => {
  const { model, server } = await load({ features: `{ name: a, type: ${type} }`, inputs: [a(datatype)] })
  await expect(model.predict({ rows: 1, values: [Float64Array.of(value)] })).rejects.toMatchObject({
    code: 'MW_INPUT_UNFIT',
    message: expect.stringContaining(want) as string,
  })
  expect(bodies(server).length).toBe(1)
})

test('the largest that a float holds is sent', async () => {
  const { model } = await load({ inputs: [a('FP32')] })
  const largest = Math.fround(3.4028234663852886e38)
  expect(await model.predict({ rows: 1, values: [Float64Array.of(largest)] })).toEqual([Float64Array.of(0)])
})

test.for<{ why: string; want: string } & Scripted>([
  { why: 'another name', inputs: [{ name: 'b', datatype: 'FP64', shape: [-1] }], want: 'takes b FP64 [-1]; model.yaml has the features a' },
  { why: 'a number as INT32', inputs: [a('INT32')], want: 'takes a as INT32; in model.yaml it is a number; an integer would lose nothing' },
  { why: 'a number as BYTES', inputs: [a('BYTES')], want: 'takes a as BYTES; in model.yaml it is a number' },
  { why: 'a number as BOOL', inputs: [a('BOOL')], want: 'takes a as BOOL; in model.yaml it is a number' },
  {
    why: 'a category as FP32',
    features: '{ name: a, type: category }',
    inputs: [a('FP32')],
    want: 'takes a as FP32; in model.yaml it is a category',
  },
  {
    why: 'null as INT64',
    features: '{ name: a, type: integer, nullable: true }',
    inputs: [a('INT64')],
    want: 'it is nullable, and INT64 has no value for null',
  },
  { why: '64 bits as FP64', features: '{ name: a, type: int64 }', inputs: [a('FP64')], want: 'it is an int64, of which FP64 loses digits' },
  { why: 'a datatype of its own', inputs: [a('BF16')], want: 'takes a as BF16, which is no datatype of the protocol' },
  {
    why: 'a matrix of another width',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
    want: 'takes x with 4 columns; model.yaml has 1 features',
  },
  {
    why: 'another shape',
    features: '{ name: a, type: number, shape: [3] }',
    inputs: [a('FP32', [-1, 4])],
    want: 'takes a as FP32 [-1, 4]; in model.yaml it has the shape [3]',
  },
  { why: 'a batch of eight', inputs: [a('FP32', [8])], want: 'takes exactly 8 rows at a time' },
  {
    why: 'another output',
    inputs: [a('FP64')],
    answers: [
      { ...y, name: 'z' },
      { ...y, name: 'w' },
    ],
    want: 'answers z, w; model.yaml has the output y',
  },
  {
    why: 'text as a number',
    inputs: [a('FP64')],
    answers: [{ ...y, datatype: 'BYTES' }],
    want: 'answers y as BYTES [-1, 1]; a regression cannot be read from it',
  },
  { why: 'three numbers as one', inputs: [a('FP64')], answers: [{ ...y, shape: [-1, 3] }], want: 'which has 1 numbers a row' },
  { why: 'no inputs', inputs: [], want: 'its inputs are an empty list' },
  { why: 'no metadata', inputs: ['a'], want: 'is not the metadata of a model in the Open Inference Protocol v2: /inputs/0' },
])('a server and a schema that disagree are told apart by name: $why', async ({ want, ...scripted }) => {
  await expect(load(scripted)).rejects.toMatchObject({ code: 'MW_MODEL_MISMATCH', message: expect.stringContaining(want) as string })
})

test.for([
  {
    why: '400, as some say it',
    ready: { status: 400, body: { error: 'loading' } },
    want: /\/v2\/models\/m is not ready: .* answered 400: loading/,
  },
  {
    why: '200 and false, as others do',
    ready: { status: 200, body: { ready: false } },
    want: /\/v2\/models\/m is not ready: \{"ready":false\}/,
  },
])('a model that is not ready: $why', async ({ ready, want }) => {
  await expect(load({ inputs: [a('FP64')], ready })).rejects.toMatchObject({
    code: 'MW_UPSTREAM_UNAVAILABLE',
    message: expect.stringMatching(want) as string,
  })
})

const output = (more: object) => ({ outputs: [{ name: 'y', datatype: 'FP64', shape: [2], data: [1, 2], ...more }] })
test.for<{ why: string; outputs?: string; answers?: readonly unknown[]; infer: unknown; want: Column | RegExp }>([
  { why: 'flat', infer: output({}), want: Float64Array.of(1, 2) },
  { why: 'nested, and null', infer: output({ shape: [2, 1], data: [[1], [null]] }), want: Float64Array.of(1, Number.NaN) },
  {
    why: 'labels',
    outputs: '{ name: y, kind: classification, classes: [no, yes] }',
    answers: [{ ...y, datatype: 'BYTES' }],
    infer: output({ data: ['yes', 'no'] }),
    want: ['yes', 'no'],
  },
  {
    why: 'whole numbers as classes',
    outputs: '{ name: y, kind: classification, classes: [no, yes] }',
    answers: [{ ...y, datatype: 'INT64' }],
    infer: output({ data: [1, 0] }),
    want: ['yes', 'no'],
  },
  {
    why: 'scores as classes',
    outputs: '{ name: y, kind: classification, classes: [no, yes] }',
    answers: [{ ...y, shape: [-1, 2] }],
    infer: output({ shape: [2, 2], data: [0.9, 0.1, 0.2, 0.8] }),
    want: ['no', 'yes'],
  },
  {
    why: '64 bits',
    outputs: '{ name: y, kind: value, type: int64 }',
    answers: [{ ...y, datatype: 'INT64' }],
    infer: '{"outputs":[{"name":"y","shape":[2],"data":[9223372036854775807,-1]}]}',
    want: BigInt64Array.of(2n ** 63n - 1n, -1n),
  },
  {
    why: 'a shape',
    outputs: '{ name: y, kind: value, shape: [2, 1] }',
    answers: [{ ...y, shape: [-1, 2, 1] }],
    infer: output({ shape: [2, 2, 1], data: [1, 2, 3, 4] }),
    want: Float64Array.of(1, 2, 3, 4),
  },
  { why: 'no outputs', infer: { model_name: 'm' }, want: /its outputs are no list/ },
  { why: 'another output', infer: { outputs: [{ name: 'z', shape: [2], data: [1, 2] }] }, want: /it has no output y/ },
  { why: 'one row too many', infer: output({ shape: [3], data: [1, 2, 3] }), want: /y: the shape \[3\] is not that of 2 rows/ },
  { why: 'a shape that its data do not have', infer: output({ shape: [2, 2] }), want: /y: 2 values are not what the shape \[2, 2\] says/ },
  { why: 'two values a row', infer: output({ shape: [2, 2], data: [1, 2, 3, 4] }), want: /y: it has 2 values a row, and must have one/ },
  { why: 'text', infer: output({ data: [1, '2'] }), want: /y: row 1: "2" is no number/ },
])('outputs: $why', async ({ outputs = '{ name: y, kind: regression }', answers = [y], infer, want }) => {
  const { model, server } = await load({ inputs: [a('FP64')], outputs, answers, infer, yaml: 'probe: false' })
  const call = model.predict({ rows: 2, values: [Float64Array.of(1, 2)] })
  if (!(want instanceof RegExp)) expect(await call).toEqual([want])
  else {
    await expect(call).rejects.toMatchObject({ code: 'MW_UPSTREAM_ANSWER', message: expect.stringMatching(want) as string })
    await expect(call).rejects.toThrow(server.url)
  }
})
