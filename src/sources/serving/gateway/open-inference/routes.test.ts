import { expect, test } from 'vitest'
import { parseModelSchema } from '../../../../watch/index.ts'
import { FAILING_WIND, NAN_WIND } from '../../models/testing.ts'
import type { LoadedModel } from '../../runtimes/contract.ts'
import { createTestProtocol } from './testing.ts'

const wind = (...data: unknown[]) => ({ name: 'wind', shape: [data.length], datatype: 'FP32', data })
const sky = (...data: unknown[]) => ({ name: 'sky', shape: [data.length, 1], datatype: 'BYTES', data })

test('health, the server, the model and the repository', async () => {
  const { get, post } = await createTestProtocol()
  expect(await get('')).toMatchObject({
    status: 200,
    body: { name: 'modelwatch', version: '1.2.3', extensions: ['binary_tensor_data', 'model_repository_index'] },
  })
  expect((await get('/health/live')).body).toEqual({ live: true })
  expect((await get('/health/ready')).body).toEqual({ live: true, ready: true })
  const described = {
    name: 'demo',
    versions: ['v1'],
    platform: 'modelwatch',
    inputs: [
      { name: 'wind', datatype: 'FP64', shape: [-1] },
      { name: 'sky', datatype: 'BYTES', shape: [-1] },
    ],
    outputs: [{ name: 'warmth', datatype: 'FP64', shape: [-1] }],
  }
  expect((await get('/models/demo')).body).toEqual(described)
  expect((await get('/models/demo/versions/v1')).body).toEqual(described)
  expect((await get('/models/demo/ready')).body).toEqual({ name: 'demo', ready: true })
  expect((await get('/models/demo/versions/v1/ready')).body).toEqual({ name: 'demo', ready: true })
  for (const body of ['', {}, { ready: true }]) {
    expect((await post('/repository/index', body)).body).toEqual([{ name: 'demo', version: 'v1', state: 'READY', reason: '' }])
  }
  expect(await post('/repository/index', { ready: 1 })).toMatchObject({ status: 400, body: { error: 'ready must be true or false' } })
})

test('rows go in as tensors and come out as tensors', async () => {
  const { post, series } = await createTestProtocol()
  const { status, body, headers } = await post('/models/demo/infer', {
    id: '42',
    parameters: { content_type: 'pd' },
    inputs: [wind(1, 2.5, NAN_WIND), sky('sun', 'rain', null)],
    outputs: [{ name: 'warmth', parameters: { binary_data: false } }],
  })
  expect(status).toBe(200)
  expect(body).toEqual({
    model_name: 'demo',
    model_version: 'v1',
    id: '42',
    parameters: { prediction_ids: expect.stringMatching(/^[0-9a-f-]{36},[0-9a-f-]{36},[0-9a-f-]{36}$/) },
    outputs: [{ name: 'warmth', datatype: 'FP64', shape: [3], data: [2, 5, null] }],
  })
  expect(headers['server-timing']).toMatch(/^queue;dur=[\d.]+, batch;dur=[\d.]+, compute;dur=[\d.]+, encode;dur=[\d.]+$/)
  const count = async (role: string, name: string) =>
    (await series(new RegExp(`^modelwatch_value_bin_total\\{role="${role}",name="${name}"`))).reduce(
      (sum, line) => sum + Number(line.split(' ').at(-1)),
      0,
    )
  expect([await count('input', 'wind'), await count('input', 'sky'), await count('output', 'warmth')]).toEqual([3, 3, 3])
})

test('a version is asked by name, and no id is made up', async () => {
  const { post } = await createTestProtocol()
  const { status, body } = await post('/models/demo/versions/v1/infer', { inputs: [wind(1), sky('sun')] })
  expect(status).toBe(200)
  expect(body).not.toHaveProperty('id')
})

test('null for what may be absent is nothing', async () => {
  const { post } = await createTestProtocol()
  const inputs = [{ ...wind(1), parameters: null }, sky('sun')]
  const { status, body } = await post('/models/demo/infer', { id: null, parameters: null, inputs, outputs: null })
  expect(status).toBe(200)
  expect(body).not.toHaveProperty('id')
  expect(body).toMatchObject({ outputs: [{ name: 'warmth', data: [2] }] })
  expect((await post('/models/demo/infer', { inputs, outputs: [{ name: 'warmth', parameters: null }] })).status).toBe(200)
})

test('prediction ids take labels', async () => {
  const { app, post } = await createTestProtocol()
  const { body } = await post('/models/demo/infer', { inputs: [wind(1), sky('sun')] })
  const { prediction_ids } = body.parameters as { prediction_ids: string }
  const label = { prediction_id: prediction_ids, actual: { warmth: 3 } }
  const answer = await app.inject({ method: 'POST', url: '/v1/models/demo/labels', payload: label })
  expect(answer.json()).toMatchObject({ outcomes: { matched: 1 } })
})

test('no rows are answered with no rows', async () => {
  const { post, errors } = await createTestProtocol()
  expect(await post('/models/demo/infer', { inputs: [wind(), sky()] })).toMatchObject({
    status: 200,
    body: { parameters: { prediction_ids: '' }, outputs: [{ name: 'warmth', shape: [0], data: [] }] },
  })
  expect(errors).toEqual([])
})

test('requests are counted by how they were answered', async () => {
  const { app, series } = await createTestProtocol()
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  const ask = async (path: string, body: unknown) => {
    const answer = await fetch(`${address}/v2${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    })
    await answer.text()
    return answer.status
  }
  const good = { inputs: [wind(1), sky('sun')] }
  const statuses = [
    await ask('/models/demo/infer', good),
    await ask('/models/demo/versions/v1/infer', good),
    await ask('/models/demo/infer', {}),
    await ask('/models/demo/infer', { inputs: [wind(99), sky('sun')] }),
    await ask('/models/demo/versions/v9/infer', good),
  ]
  expect(statuses).toEqual([200, 200, 400, 400, 404])
  expect(await series(/^modelwatch_requests_total/)).toEqual([
    'modelwatch_requests_total{api="infer",code="200"} 2',
    'modelwatch_requests_total{api="infer",code="400"} 2',
  ])
  await app.close()
})

test.for([
  { why: 'no JSON', body: '{', want: 'the body is not JSON' },
  { why: 'nothing', body: '', want: 'the body must be an object with inputs' },
  { why: 'a list', body: [], want: 'the body must be an object with inputs' },
  { why: 'no inputs', body: {}, want: 'inputs must be a list of tensors' },
  { why: 'an id that is no text', body: { id: 1, inputs: [] }, want: 'id must be a string of at most 1024 characters' },
  { why: 'parameters that are none', body: { parameters: [], inputs: [] }, want: 'parameters must be an object' },
  { why: 'no tensor', body: { inputs: [] }, want: 'inputs must hold a tensor for each of wind, sky' },
  {
    why: 'too many tensors',
    body: { inputs: [wind(1), sky('sun'), wind(1)] },
    want: 'inputs holds 3 tensors; demo has 2 features: wind, sky',
  },
  { why: 'a tensor twice', body: { inputs: [wind(1), wind(1)] }, want: 'the input wind stands twice' },
  { why: 'no object', body: { inputs: [1] }, want: 'inputs[0] must be an object with name, shape, datatype and data' },
  { why: 'no name', body: { inputs: [{ ...wind(1), name: 7 }] }, want: 'inputs[0].name must be a string' },
  {
    why: 'another name',
    body: { inputs: [{ ...wind(1), name: 'wnd' }, sky('sun')] },
    want: 'wnd is not an input of demo; its inputs are wind, sky',
  },
  { why: 'an inherited name', body: { inputs: [{ ...wind(1), name: 'constructor' }] }, want: 'constructor is not an input of demo' },
  { why: 'a tensor that is missing', body: { inputs: [wind(1)] }, want: 'sky is missing' },
  {
    why: 'another datatype',
    body: { inputs: [{ ...wind(1), datatype: 'FLOAT' }, sky('sun')] },
    want: 'the datatype of wind must be one of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES, got "FLOAT"',
  },
  {
    why: 'a number as text',
    body: { inputs: [{ ...wind('1'), datatype: 'BYTES' }, sky('sun')] },
    want: 'wind is a number; send it as FP64, not BYTES',
  },
  {
    why: 'a category as numbers',
    body: { inputs: [wind(1), { ...sky(1), datatype: 'INT8' }] },
    want: 'sky is a category; send it as BYTES, not INT8',
  },
  {
    why: 'no shape',
    body: { inputs: [{ ...wind(1), shape: [] }, sky('sun')] },
    want: 'the shape of wind must be a list of 1 to 16 whole numbers',
  },
  { why: 'a negative length', body: { inputs: [{ ...wind(1), shape: [-1] }] }, want: 'the shape of wind must be a list' },
  { why: 'a length beyond all data', body: { inputs: [{ ...wind(1), shape: [2 ** 52, 2 ** 52] }] }, want: 'the data of wind must be' },
  {
    why: 'many rows of nothing',
    body: { inputs: [{ ...wind(), shape: [1e9, 0] }] },
    want: 'has 1000000000 rows; one request may have 10000',
  },
  {
    why: 'too few data',
    body: { inputs: [{ ...wind(1), shape: [2] }, sky('sun', 'sun')] },
    want: 'the data of wind must be 2 values, as its shape [2] says, flat or nested',
  },
  { why: 'too many data', body: { inputs: [{ ...wind(1, 2), shape: [1] }, sky('sun')] }, want: 'the data of wind must be 1 values' },
  {
    why: 'data nested in another shape',
    body: { inputs: [{ ...wind([1, 2]), shape: [2, 1] }, sky('sun', 'sun')] },
    want: 'the data of wind must be 2 values',
  },
  { why: 'data that are no list', body: { inputs: [{ ...wind(1), data: 'AAAA' }] }, want: 'the data of wind must be a list' },
  {
    why: 'binary data of which the header says nothing',
    body: { inputs: [{ name: 'wind', shape: [1], datatype: 'FP32', parameters: { binary_data_size: 4 } }] },
    want: 'wind: binary data needs the header Inference-Header-Content-Length',
  },
  {
    why: 'shared memory',
    body: { inputs: [{ ...wind(1), parameters: { shared_memory_region: 'r' } }] },
    want: 'wind: shared memory is not supported',
  },
  {
    why: 'another number of rows',
    body: { inputs: [wind(1, 2), sky('sun')] },
    want: 'sky has 1 rows, wind 2: the first dimension of all inputs is the same',
  },
  {
    why: 'a table where a column is',
    body: { inputs: [{ ...wind(1, 2), shape: [1, 2] }, sky('sun')] },
    want: 'wind has the shape [1, 2]; the model takes [rows] or [rows, 1]',
  },
  {
    why: 'one matrix for a category',
    body: { inputs: [{ ...wind(1, 2), name: 'x', shape: [1, 2] }] },
    want: 'x is not an input of demo; its inputs are wind, sky',
  },
  {
    why: 'an unknown output',
    body: { inputs: [wind(1), sky('sun')], outputs: [{ name: 'heat' }] },
    want: 'heat is not an output of the model; its outputs are warmth',
  },
  {
    why: 'outputs that are none',
    body: { inputs: [wind(1), sky('sun')], outputs: ['warmth'] },
    want: 'outputs must be a list of objects with a name',
  },
  {
    why: 'the classification extension',
    body: { inputs: [wind(1), sky('sun')], outputs: [{ name: 'warmth', parameters: { classification: 2 } }] },
    want: 'the classification extension is not supported',
  },
  {
    why: 'NaN',
    body: '{"inputs":[{"name":"wind","shape":[1],"datatype":"FP32","data":[NaN]},{"name":"sky","shape":[1],"datatype":"BYTES","data":["sun"]}]}',
    want: 'wind must be a finite number',
  },
  {
    why: 'NaN among integers',
    body: '{"inputs":[{"name":"wind","shape":[1],"datatype":"INT8","data":[NaN]},{"name":"sky","shape":[1],"datatype":"BYTES","data":["sun"]}]}',
    want: 'wind, datum 0: INT8 is a whole number from -128 to 127, got a number that is not finite',
  },
  { why: 'out of range', body: { inputs: [wind(1, 99), sky('sun', 'sun')] }, want: 'row 1, wind must lie between 0 and 60, got 99' },
  { why: 'another category', body: { inputs: [wind(1), sky('hail')] }, want: 'sky must be one of sun, rain, got the string "hail"' },
])('$why is a 400 with nothing but an error', async ({ body, want }) => {
  const { post } = await createTestProtocol()
  const answer = await post('/models/demo/infer', body)
  expect(answer.body).toEqual({ error: expect.stringContaining(want) })
  expect(answer.status).toBe(400)
})

test.for([
  { why: 'an unknown model', path: '/models/nobody/infer', want: 'no model nobody is served here; there is demo' },
  { why: 'an unknown version', path: '/models/demo/versions/v9/infer', want: 'demo has no revision v9' },
  { why: 'an unknown address', path: '/nowhere', want: 'POST /v2/nowhere is not an address of this gateway' },
])('$why is a 404', async ({ path, want }) => {
  const { post } = await createTestProtocol()
  expect(await post(path, { inputs: [] })).toMatchObject({ status: 404, body: { error: want } })
})

test.for([
  { payload: '{', type: 'application/json' },
  { payload: 'x', type: 'text/plain' },
])('an unknown address is told whatever the body: $type', async ({ payload, type }) => {
  const { app } = await createTestProtocol()
  const answer = await app.inject({ method: 'POST', url: '/v2/nowhere', headers: { 'content-type': type }, payload })
  expect([answer.statusCode, answer.json().error]).toEqual([404, 'POST /v2/nowhere is not an address of this gateway'])
})

test('an unknown version has no metadata and is not ready', async () => {
  const { get } = await createTestProtocol()
  for (const path of ['/models/demo/versions/v9', '/models/demo/versions/v9/ready']) {
    expect(await get(path)).toMatchObject({ status: 404, body: { error: 'demo has no revision v9' } })
  }
})

test.for([
  { why: 'too large', payload: 'x'.repeat(2000), type: 'application/json', status: 413 },
  { why: 'of another type', payload: 'x', type: 'text/plain', status: 415 },
])('a body that is $why is told in the protocol’s form', async ({ payload, type, status }) => {
  const { app } = await createTestProtocol(undefined, { body_bytes_max: 1000 })
  const answer = await app.inject({ method: 'POST', url: '/v2/models/demo/infer', headers: { 'content-type': type }, payload })
  expect([answer.statusCode, Object.keys(answer.json())]).toEqual([status, ['error']])
})

test('the index may be asked with no body at all', async () => {
  const { app } = await createTestProtocol()
  expect((await app.inject({ method: 'POST', url: '/v2/repository/index' })).json()).toHaveLength(1)
})

test('a model that fails is a 500, told once, and in the protocol’s form', async () => {
  const { post, errors } = await createTestProtocol()
  const answer = await post('/models/demo/infer', { inputs: [wind(FAILING_WIND), sky('sun')] })
  expect(answer.status).toBe(500)
  expect(Object.keys(answer.body)).toEqual(['error'])
  expect(errors).toHaveLength(1)
})

const table = parseModelSchema(
  `name: table
features:
  - { name: a, type: number }
  - { name: n, type: integer }
  - { name: yes, type: boolean }
outputs: [{ name: sum, kind: regression }]
`,
  { file: 'model.yaml' },
)
const adder: LoadedModel = {
  concurrency: 1,
  threads: undefined,
  predict: async ({ rows, values }) => [
    Float64Array.from({ length: rows }, (_, r) => values.reduce((sum, column) => sum + (column as Float64Array)[r]!, 0)),
  ],
  unload: async () => {},
}

test.for([
  {
    why: 'nested',
    data: [
      [0.5, 2, 1],
      [10, 20, 0],
    ],
  },
  { why: 'flat', data: [0.5, 2, 1, 10, 20, 0] },
])('one matrix of any name holds the features in their order, $why', async ({ data }) => {
  const { post } = await createTestProtocol({ schema: table, loaded: adder })
  const { body } = await post('/models/table/infer', { inputs: [{ name: 'predict', shape: [2, 3], datatype: 'FP32', data }] })
  expect(body).toMatchObject({ outputs: [{ name: 'sum', shape: [2], data: [3.5, 30] }] })
})

test.for([
  {
    why: 'another width',
    input: { shape: [1, 2], datatype: 'FP32', data: [1, 2] },
    want: 'x has 2 columns; the model has 3 features: a, n, yes',
  },
  {
    why: 'a list of one row',
    input: { shape: [3], datatype: 'FP32', data: [1, 2, 1] },
    want: 'x is not an input of table; its inputs are a, n, yes, or one tensor of shape [rows, 3]',
  },
  {
    why: 'text',
    input: { shape: [1, 3], datatype: 'BYTES', data: ['1', '2', '3'] },
    want: 'one tensor for all features must be of numbers, not BYTES',
  },
  { why: 'a fraction for an integer', input: { shape: [1, 3], datatype: 'FP32', data: [1, 2.5, 1] }, want: 'n must be a whole number' },
  { why: 'a number for a boolean', input: { shape: [1, 3], datatype: 'FP32', data: [1, 2, 2] }, want: 'yes must be true or false, got 2' },
])('a matrix is refused by name: $why', async ({ input, want }) => {
  const { post } = await createTestProtocol({ schema: table, loaded: adder })
  const answer = await post('/models/table/infer', { inputs: [{ name: 'x', ...input }] })
  expect(answer).toMatchObject({ status: 400, body: { error: expect.stringContaining(want) } })
})

test('/docs shows the protocol beside the rest', async () => {
  const { app } = await createTestProtocol()
  const { paths } = (await app.inject('/docs/json')).json() as { paths: Record<string, unknown> }
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/v2/models/demo/infer', '/v2/repository/index', '/v1/models/demo/predict']))
})
