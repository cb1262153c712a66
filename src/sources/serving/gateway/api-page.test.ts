import { Ajv2020 } from 'ajv/dist/2020.js'
import type { InjectOptions } from 'fastify'
import { expect, test } from 'vitest'
import { openTaskGateway } from './tasks/testing.ts'

interface Page {
  readonly paths: Record<string, Record<string, { responses: Record<string, { content?: Record<string, { schema: object }> }> }>>
}

const row = '{"wind":3,"sky":"sun"}'
const tensors = [
  { name: 'wind', shape: [1], datatype: 'FP64', data: [3] },
  { name: 'sky', shape: [1], datatype: 'BYTES', data: ['sun'] },
]
const predict = '/v1/models/demo/predict'
const infer = '/v2/models/demo/infer'
const tasks = '/v1/models/demo/tasks'
const noTask = `${tasks}/none`

test.for<{ why: string; status: number; url: string; payload?: string; headers?: Record<string, string>; method?: 'GET'; path?: string }>([
  { why: 'one row', status: 200, url: predict, payload: row },
  { why: 'many rows', status: 200, url: predict, payload: `{"rows":[${row}]}` },
  { why: 'a tag that is none', status: 404, url: predict, payload: row, headers: { 'modelwatch-tag': 'next' } },
  { why: 'a large body', status: 413, url: predict, payload: ' '.repeat(2_000_000) },
  { why: 'another type', status: 415, url: predict, payload: row, headers: { 'content-type': 'text/plain' } },
  { why: 'a wrong row', status: 422, url: predict, payload: '{}' },
  { why: 'no time', status: 504, url: predict, payload: row, headers: { 'request-timeout': '0.001ms' } },
  { why: 'a label', status: 200, url: '/v1/models/demo/labels', payload: '{"prediction_id":"a","actual":{"warmth":1}}' },
  { why: 'a wrong label', status: 422, url: '/v1/models/demo/labels', payload: '{}' },
  { why: 'a task', status: 202, url: tasks, payload: row },
  { why: 'a task of another type', status: 415, url: tasks, payload: row, headers: { 'content-type': 'text/plain' } },
  { why: 'a task that is none', status: 404, url: noTask, method: 'GET', path: '/v1/models/{model}/tasks/{id}' },
  { why: 'a wait that is none', status: 422, url: `${noTask}?wait=x`, method: 'GET', path: '/v1/models/{model}/tasks/{id}' },
  { why: 'a list', status: 200, url: tasks, method: 'GET', path: '/v1/models/{model}/tasks' },
  { why: 'a page of none', status: 422, url: `${tasks}?limit=0`, method: 'GET', path: '/v1/models/{model}/tasks' },
  { why: 'tensors', status: 200, url: infer, payload: JSON.stringify({ id: 'a', inputs: tensors }) },
  { why: 'no tensors', status: 400, url: infer, payload: '{}' },
  {
    why: 'tensors without time',
    status: 504,
    url: infer,
    payload: JSON.stringify({ inputs: tensors }),
    headers: { 'request-timeout': '0.001ms' },
  },
])('$why is answered $status as the API page says', async ({ status, url, payload, headers, method = 'POST', path = url }) => {
  const { app, close } = await openTaskGateway()
  const { paths } = (await app.inject('/docs/json')).json<Page>()
  const type = payload === undefined ? {} : { payload, headers: { 'content-type': 'application/json', ...headers } }
  const reply = await app.inject({ method, url, ...type } satisfies InjectOptions)
  await close()
  expect(reply.statusCode).toBe(status)
  const schema = paths[path]![method.toLowerCase()]!.responses[status]?.content?.['application/json']?.schema
  expect(schema).toBeDefined()
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema!)
  expect([validate(reply.json()), validate.errors]).toEqual([true, null])
})
