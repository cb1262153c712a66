import { toRowSchema } from '../../../../watch/index.ts'
import type { ServedModel } from '../../models/contract.ts'
import { taskStates } from '../../queue/contract.ts'
import { bodyRefusals, refusal } from '../routes/error-schema.ts'
import { takesPictures } from './multipart.ts'

/*
 * What the API page says about tasks. Answers are described, not compiled: they are written as text already, and a stored result is not read again.
 */

const text = (description: string) => ({ type: 'string', description })
const time = (description: string) => ({ type: 'string', format: 'date-time', description })
const state = { type: 'string', enum: [...taskStates] }

const receipt = {
  type: 'object',
  properties: {
    task_id: text('A UUID of version 7.'),
    model: { type: 'string' },
    revision: text('Chosen now, by the split; the task will be run by it.'),
    state,
    href: text('Where to ask for the task.'),
  },
}

const summary = {
  ...receipt.properties,
  priority: { type: 'integer' },
  rows: { type: 'integer' },
  attempts: { type: 'integer', description: 'Executions begun.' },
  submitted_at: time('When it was submitted.'),
  started_at: time('When the last execution began.'),
  finished_at: time('When it became done, dead or cancelled.'),
  deadline_at: time('When it is no longer wanted.'),
  retry_at: time('When a delayed task is tried again.'),
  error: {
    type: 'object',
    description: 'Why the last execution failed.',
    properties: { code: { type: 'string' }, message: { type: 'string' } },
  },
}
const predictions = {
  type: 'array',
  description: 'Of a task that is done: one for each row, in their order.',
  items: { type: 'object', properties: { prediction_id: { type: 'string' }, outputs: { type: 'object', additionalProperties: true } } },
}
const task = { type: 'object', properties: { ...summary, predictions } }

const params = { type: 'object', properties: { model: { type: 'string' }, id: text('The task_id.') } }
const tags = ['tasks']
const notThere = {
  404: refusal('The model has no such task.'),
  410: refusal('There was one, and its result was kept as long as queue.results_for says.'),
}

const unfit = { 422: refusal('The query says what it may not; the error names it.') }

const ready = (description: string, schema: object) => ({ description, content: { 'application/json': { schema } } })

export function submitSchema({ schema, revisions }: ServedModel, rowsMax: number) {
  const row = { ...toRowSchema(schema), example: revisions()[0]?.served.exampleRow }
  const json = {
    oneOf: [
      { ...row, title: 'one row' },
      {
        type: 'object',
        title: 'many rows',
        required: ['rows'],
        properties: { rows: { type: 'array', minItems: 1, maxItems: rowsMax, items: row } },
      },
    ],
  }
  const form = {
    type: 'object',
    properties: Object.fromEntries(
      schema.features.map(({ name, type, description }) => [
        name,
        { type: 'string', ...(type === 'image' ? { format: 'binary' } : {}), ...(description === '' ? {} : { description }) },
      ]),
    ),
  }
  return {
    tags,
    summary: `Let ${schema.name} predict later`,
    description:
      'Answers as soon as the task is stored; ask for it at its href, wait there with ?wait=10s, follow it at …/events, or name a webhook. ' +
      'A webhook is a POST of the task, signed as the Standard Webhooks specification has it, sent again until it is answered 2xx.',
    querystring: {
      type: 'object',
      properties: {
        priority: { type: 'string', pattern: '^[0-9]$', description: '0 to 9, higher goes first; 5 where left out.' },
        deadline: text('How long it is wanted, such as 30s or 2h; a task that is not done by then is dead.'),
      },
    },
    headers: {
      type: 'object',
      properties: {
        'idempotency-key': text('Submissions with the same key are one task; with the same key and other rows they are refused, 409.'),
        'webhook-url': text('Whom to tell when the task is done, dead or cancelled.'),
        'webhook-secret': text('Signs the webhook: whsec_ and base64, or any text.'),
      },
    },
    body: takesPictures(schema) ? { content: { 'application/json': { schema: json }, 'multipart/form-data': { schema: form } } } : json,
    response: {
      200: { description: 'The Idempotency-Key is known, and its task final. Idempotency-Replayed: true.', ...receipt },
      202: { description: 'The task is stored. Location says where to ask for it.', ...receipt },
      409: refusal('The Idempotency-Key was used for other rows.'),
      ...bodyRefusals,
      422: refusal('The input is wrong; detail names row, field and reason.'),
      503: refusal('The queue is full or cannot be reached; retry after the seconds in Retry-After.'),
    },
  }
}

export const getSchema = {
  tags,
  summary: 'A task, and its predictions when it is done',
  params,
  querystring: {
    type: 'object',
    properties: {
      wait: text('Wait so long for the task to end, such as 10s; answered at once when it does, and as it is when time is over.'),
    },
  },
  response: { 200: ready('The task.', task), ...notThere, ...unfit, 503: refusal('Too many clients wait for tasks already.') },
}

export const eventsSchema = {
  tags,
  summary: 'Follow a task: server-sent events',
  description: 'An event `state` with the task as its data for each state it is seen in, the first at once; the stream ends with the last.',
  params,
  headers: {
    type: 'object',
    properties: {
      'last-event-id': text('As a browser sends it when it connects again; of the last event of a final task: 204, and it stops.'),
    },
  },
  response: {
    204: { type: 'null', description: 'Last-Event-ID says that the end was seen.' },
    200: { description: 'Events.', content: { 'text/event-stream': { schema: { type: 'string' } } } },
    ...notThere,
    ...unfit,
    503: refusal('Too many clients wait for tasks already.'),
  },
}

export const cancelSchema = {
  tags,
  summary: 'Cancel a task',
  description: 'One that is being run is not awaited: its result is thrown away.',
  params,
  response: { 200: ready('The task, cancelled.', task), ...notThere, 409: refusal('It is done or dead already.') },
}

export const listSchema = {
  tags,
  summary: 'Tasks, newest first',
  params: { type: 'object', properties: { model: { type: 'string' } } },
  querystring: {
    type: 'object',
    properties: {
      state: text(`One or several of ${taskStates.join(', ')}, separated by commas; all where left out.`),
      limit: { type: 'string', pattern: '^\\d+$', description: '1 to 1000; 50 where left out.' },
      after: text('The `next` of the page before.'),
    },
  },
  response: {
    200: {
      description: 'One page, without predictions.',
      type: 'object',
      properties: { tasks: { type: 'array', items: { type: 'object', properties: summary } }, next: { type: 'string' } },
    },
    404: refusal('No such model is served here.'),
    ...unfit,
  },
}
