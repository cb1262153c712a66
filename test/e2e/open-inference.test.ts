import { readdirSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addWeather, ask, createServingProject, type Role, type ServingProject, weatherRow } from '../support/serving.ts'

/*
 * A client of the Open Inference Protocol that shares nothing with the gateway: bytes over a socket, written and read by hand after
 * https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
 */
interface RawAnswer {
  readonly status: number
  readonly head: string
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: what the test expects is what it reads.
  readonly body: any
}

let project: ServingProject
let gateway: Role
beforeAll(async () => {
  project = createServingProject()
  addWeather(project)
  gateway = await project.serve()
})
afterAll(() => project?.dispose())

/** Sends one request on a connection of its own, and reads until the gateway closes it. */
async function speak(method: string, path: string, json = ''): Promise<RawAnswer> {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname)
  socket.write(
    [
      `${method} ${path} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      'Connection: close',
      ...(json === '' ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(json)}`]),
      '',
      json,
    ].join('\r\n'),
  )
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  const [head, text] = Buffer.concat(chunks).toString().split('\r\n\r\n', 2) as [string, string]
  return { status: Number(head.split(' ', 2)[1]), head, text, body: text === '' ? undefined : JSON.parse(text) }
}

test('health and metadata say what a client must know to build its request', async () => {
  for (const path of ['/v2/health/live', '/v2/health/ready', '/v2/models/weather/ready', '/v2/models/weather/versions/v1/ready'])
    expect((await speak('GET', path)).status).toBe(200)
  expect((await speak('GET', '/v2')).body).toMatchObject({ name: 'modelwatch', version: expect.any(String) })
  const { body } = await speak('GET', '/v2/models/weather')
  expect(body).toMatchObject({ name: 'weather', versions: ['v1'], outputs: [{ name: 'temp_max_tomorrow', datatype: 'FP64', shape: [-1] }] })
  expect(body.inputs.map(({ name, datatype }: { name: string; datatype: string }) => `${name} ${datatype}`)).toEqual([
    'precipitation FP64',
    'temp_max FP64',
    'temp_min FP64',
    'wind FP64',
    'weather BYTES',
    'day_of_year INT64',
  ])
  expect((await speak('POST', '/v2/repository/index', '{}')).body).toMatchObject([{ name: 'weather', version: 'v1', state: 'READY' }])
})

test('two rows, one tensor for each feature, are answered as the same rows are elsewhere', async () => {
  const rows = [weatherRow, { ...weatherRow, weather: 'sun', temp_max: 20.5, day_of_year: 180 }]
  const datatypes = { precipitation: 'FP32', temp_max: 'FP64', temp_min: 'FP32', wind: 'FP64', weather: 'BYTES', day_of_year: 'INT64' }
  const inputs = Object.entries(datatypes).map(([name, datatype]) => ({
    name,
    datatype,
    shape: [rows.length],
    data: rows.map((row) => row[name as keyof typeof row]),
  }))
  const request = JSON.stringify({ id: 'call-1', inputs })
  const expected = (await ask(`${gateway.url}/v1/models/weather/predict`, { body: { rows } })).body.predictions.map(
    ({ outputs }: { outputs: { temp_max_tomorrow: number } }) => outputs.temp_max_tomorrow,
  )
  for (const path of ['/v2/models/weather/infer', '/v2/models/weather/versions/v1/infer']) {
    const { status, body, head } = await speak('POST', path, request)
    expect(status).toBe(200)
    expect(head.toLowerCase()).toContain('server-timing: queue;dur=')
    expect(body).toMatchObject({ id: 'call-1', model_name: 'weather', model_version: 'v1' })
    expect(body.outputs).toEqual([{ name: 'temp_max_tomorrow', datatype: 'FP64', shape: [2], data: expected }])
    expect(body.parameters.prediction_ids.split(',')).toHaveLength(2)
  }
})

test.for([
  { why: 'a model that is not there', path: '/v2/models/nobody/infer', inputs: [], status: 404, says: 'nobody' },
  { why: 'a version that is not there', path: '/v2/models/weather/versions/v9/infer', inputs: [], status: 404, says: 'v9' },
  { why: 'an input that is missing', path: '/v2/models/weather/infer', inputs: [], status: 400, says: 'precipitation' },
  {
    why: 'a datatype that is none',
    path: '/v2/models/weather/infer',
    inputs: [{ name: 'wind', datatype: 'FP128', shape: [1], data: [1] }],
    status: 400,
    says: 'FP128',
  },
])('$why is told as {"error"}', async ({ path, inputs, status, says }) => {
  const answer = await speak('POST', path, JSON.stringify({ inputs }))
  expect(answer).toMatchObject({ status, body: { error: expect.stringContaining(says) } })
  expect(Object.keys(answer.body)).toEqual(['error'])
})

test('the runtime keeps no record for its makers', () => {
  const folder = `/proc/${gateway.pid}/fd`
  const files = readdirSync(folder).flatMap((name) => {
    try {
      return [readlinkSync(`${folder}/${name}`)]
    } catch {
      return [] // Closed meanwhile.
    }
  })
  expect(files.some((file) => file.endsWith('/queue.db'))).toBe(true)
  expect(files.filter((file) => /\.onnxruntime\/|mat-debug/.test(file))).toEqual([])
})
