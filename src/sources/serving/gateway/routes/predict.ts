import type { FastifyInstance } from 'fastify'
import { type Clock, MS_PER_SECOND } from '../../../../core/time.ts'
import { type OutputColumn, type RowFault, toRowSchema } from '../../../../watch/index.ts'
import type { ServedModel } from '../../models/index.ts'
import { gatewayErrors } from '../errors.ts'
import type { RequestMeter } from '../request-meter.ts'

export interface PredictDeps {
  readonly clock: Clock
  readonly rowsMax: number
  readonly meter: RequestMeter
}

/** One field that was refused, in the shape that FastAPI's users know, with row, field and rule beside it. */
export interface InputFault {
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly type: string
  readonly row: number
  readonly field: string
}

/** `POST /v1/models/{model}/predict`: one row, or many under `rows`. */
export function addPredictRoute(app: FastifyInstance, served: ServedModel, deps: PredictDeps): void {
  const { schema, revision } = served
  const { rowsMax, clock, meter } = deps
  const names = schema.outputs.map(({ name }) => name)
  const numeric = schema.outputs.map(({ kind }) => kind === 'regression')
  const rowsIsFeature = schema.features.some(({ name }) => name === 'rows')

  const toAnswers = (outputs: readonly OutputColumn[], rows: number) => {
    const nowMs = clock.now()
    const answers = new Array<{ prediction_id: string; outputs: Record<string, unknown> }>(rows)
    for (let r = 0; r < rows; r++) {
      const answer: Record<string, unknown> = {}
      for (let o = 0; o < names.length; o++) {
        const value = outputs[o]![r]!
        answer[names[o]!] = numeric[o] && !Number.isFinite(value) ? null : value // JSON has no NaN; the bin `nan` counts it.
      }
      answers[r] = { prediction_id: served.quality.predicted(outputs, r, nowMs), outputs: answer }
    }
    return answers
  }

  app.post(
    `/v1/models/${schema.name}/predict`,
    {
      config: { meter: meter.route(schema.name, revision, 'predict') },
      schema: { tags: ['predict'], summary: `Predict with ${schema.name}`, description: schema.description, ...openApi(served, rowsMax) },
      validatorCompiler: () => () => true, // The rows are checked by the reader compiled from model.yaml, which also counts what it refuses.
    },
    async (request, reply) => {
      const { rows, single } = toRows(request.body, rowsIsFeature, rowsMax)
      const read = served.readRows(rows)
      served.observer.inputs(read)
      if (read.faultCount > 0) throw toInputError(read.faults, read.faultCount, single)
      const outputs = await served.predict(read.columns)
      served.observer.outputs(outputs)
      const startMs = performance.now()
      const answers = toAnswers(outputs, rows.length)
      const text = JSON.stringify(
        single ? { model: schema.name, revision, ...answers[0] } : { model: schema.name, revision, predictions: answers },
      )
      served.encodeDuration.observe((performance.now() - startMs) / MS_PER_SECOND)
      return reply.type('application/json; charset=utf-8').send(text)
    },
  )
}

function toRows(body: unknown, rowsIsFeature: boolean, rowsMax: number): { rows: readonly unknown[]; single: boolean } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const got = body === null ? 'null' : Array.isArray(body) ? 'a list' : `a ${typeof body}`
    throw gatewayErrors.MW_BODY_INVALID(`the body must be an object, got ${body === undefined ? 'nothing' : got}`)
  }
  if (rowsIsFeature || !('rows' in body)) return { rows: [body], single: true }
  const { rows, ...rest } = body
  if (!Array.isArray(rows)) throw gatewayErrors.MW_BODY_INVALID('rows must be a list of rows')
  const extra = Object.keys(rest)
  if (extra.length > 0) throw gatewayErrors.MW_BODY_INVALID(`beside rows nothing else may stand, got ${extra.slice(0, 5).join(', ')}`)
  if (rows.length > rowsMax) throw gatewayErrors.MW_BODY_INVALID(`rows holds ${rows.length} rows; one request may have ${rowsMax}`)
  return { rows, single: false }
}

/** The refusal of a request, with the fields at fault in `detail`. */
function toInputError(faults: readonly RowFault[], count: number, single: boolean): Error {
  const detail = faults.map(({ row, field, rule, message }): InputFault => {
    const loc = ['body', ...(single ? [] : ['rows', row]), ...(field === '' ? [] : [field])]
    return { loc, msg: message, type: rule, row, field }
  })
  const first = faults[0]!
  const where = [...(single ? [] : [`row ${first.row}`]), ...(first.field === '' ? [] : [first.field])].join(', ')
  const others = count === 1 ? '' : ` (and ${count - 1} more)`
  const error = gatewayErrors.MW_INPUT_INVALID(`${where === '' ? 'the row' : where} ${first.message}${others}`)
  return Object.assign(error, { detail, detailCount: count })
}

function openApi({ schema, exampleRow }: ServedModel, rowsMax: number) {
  const row = { ...toRowSchema(schema), example: exampleRow }
  const outputs = {
    type: 'object',
    properties: Object.fromEntries(
      schema.outputs.map(({ name, kind, unit, classes }) => [
        name,
        kind === 'regression'
          ? { type: ['number', 'null'], ...(unit === '' ? {} : { description: `Unit: ${unit}.` }) }
          : { type: 'string', enum: classes },
      ]),
    ),
  }
  const prediction_id = { type: 'string', description: 'Send the true outcome with this id to …/labels.' }
  const head = { model: { type: 'string' }, revision: { type: 'string' } }
  return {
    body: {
      oneOf: [
        { ...row, title: 'one row' },
        { type: 'object', title: 'many rows', required: ['rows'], properties: { rows: { type: 'array', maxItems: rowsMax, items: row } } },
      ],
    },
    response: {
      200: {
        description: 'One prediction, or one per row in their order.',
        oneOf: [
          { type: 'object', title: 'one row', properties: { ...head, prediction_id, outputs } },
          {
            type: 'object',
            title: 'many rows',
            properties: { ...head, predictions: { type: 'array', items: { type: 'object', properties: { prediction_id, outputs } } } },
          },
        ],
      },
      422: { description: 'The input is wrong; detail names row, field and reason.', ...errorSchema },
      503: { description: 'Too many rows wait; retry after the seconds in Retry-After.', ...errorSchema },
    },
  }
}

export const errorSchema = {
  type: 'object',
  properties: {
    code: { type: 'string' },
    error: { type: 'string' },
    hint: { type: 'string' },
    detail: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          loc: { type: 'array', items: { type: ['string', 'integer'] } },
          msg: { type: 'string' },
          type: { type: 'string' },
          row: { type: 'integer' },
          field: { type: 'string' },
        },
      },
    },
  },
} as const
