import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Clock } from '../../../core/time.ts'
import type { LabelOutcome } from '../../../watch/index.ts'
import { servingErrors } from '../errors.ts'
import type { RequestMeter } from '../request-meter.ts'
import type { ServedModel } from '../served-model.ts'
import { errorSchema } from './predict.ts'

const Label = Type.Object(
  {
    prediction_id: Type.String({ minLength: 1, maxLength: 128, description: 'As the prediction was answered.' }),
    actual: Type.Record(Type.String(), Type.Number(), { description: 'The true outcome by output name.' }),
  },
  { additionalProperties: false, title: 'one label' },
)
type Label = Static<typeof Label>

const Labels = Type.Object({ labels: Type.Array(Label) }, { additionalProperties: false, title: 'many labels' })

const Outcome = Type.Union([Type.Literal('matched'), Type.Literal('late'), Type.Literal('orphan'), Type.Literal('duplicate')])
const Reply = Type.Object({
  model: Type.String(),
  outcomes: Type.Record(Type.String(), Type.Integer(), { description: 'How many labels were matched, late, orphan or duplicate.' }),
  results: Type.Array(Type.Object({ prediction_id: Type.String(), outcome: Outcome })),
})

/** `POST /v1/models/{model}/labels`: ground truth by prediction id, one or many under `labels`. A label that cannot be joined is no error; the answer says so. */
export function addLabelsRoute(
  app: FastifyInstance,
  served: ServedModel,
  deps: { clock: Clock; labelsMax: number; meter: RequestMeter },
): void {
  const { schema, revision } = served
  const numericOutputs = new Set(schema.outputs.filter(({ kind }) => kind === 'regression').map(({ name }) => name))
  app.post<{ Body: Label | Static<typeof Labels> }>(
    `/v1/models/${schema.name}/labels`,
    {
      config: { meter: deps.meter.route(schema.name, revision, 'labels') },
      schema: {
        tags: ['labels'],
        summary: `Tell ${schema.name} what really happened`,
        body: Type.Union([Label, Labels]),
        response: { 200: Reply, 422: { description: 'The label is wrong.', ...errorSchema } },
      },
    },
    async (request) => {
      const labels = 'labels' in request.body ? request.body.labels : [request.body]
      if (labels.length > deps.labelsMax)
        throw servingErrors.MW_BODY_INVALID(`${labels.length} labels came at once; one request may have ${deps.labelsMax}`)
      for (const [i, { actual }] of labels.entries()) {
        const unknown = Object.keys(actual).find((name) => !numericOutputs.has(name))
        if (unknown !== undefined || Object.keys(actual).length === 0) {
          const what = unknown === undefined ? 'actual is empty' : `${unknown} is not an output that can be judged`
          throw servingErrors.MW_INPUT_INVALID(`label ${i}: ${what}; outputs are ${[...numericOutputs].join(', ')}`)
        }
      }
      const nowMs = deps.clock.now()
      const outcomes: Partial<Record<LabelOutcome, number>> = {}
      const results = labels.map(({ prediction_id, actual }) => {
        const outcome = served.quality.labelled(prediction_id, new Map(Object.entries(actual)), nowMs)
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        return { prediction_id, outcome }
      })
      return { model: schema.name, outcomes, results }
    },
  )
}
