import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Clock } from '../../../../core/time.ts'
import type { LabelOutcome } from '../../../../watch/index.ts'
import type { ServedModel } from '../../models/contract.ts'
import { compileLabelReader, ID_LENGTH_MAX } from '../label-reader.ts'
import { servedBy } from '../model-requests.ts'
import { bodyRefusals, refusal } from './error-schema.ts'

const Label = Type.Object(
  {
    prediction_id: Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX, description: 'As the prediction was answered.' }),
    actual: Type.Record(Type.String(), Type.Number(), { description: 'The true outcome by output name.' }),
  },
  { additionalProperties: false, title: 'one label' },
)

const Labels = Type.Object({ labels: Type.Array(Label) }, { additionalProperties: false, title: 'many labels' })

const Outcome = Type.Union([Type.Literal('matched'), Type.Literal('late'), Type.Literal('orphan'), Type.Literal('duplicate')])
const Reply = Type.Object({
  model: Type.String(),
  outcomes: Type.Record(Type.String(), Type.Integer(), { description: 'How many labels were matched, late, orphan or duplicate.' }),
  results: Type.Array(Type.Object({ prediction_id: Type.String(), outcome: Outcome })),
})

/** `POST /v1/models/{model}/labels`: ground truth by prediction id, one or many under `labels`. A label that cannot be joined is no error; the answer says so. */
export function addLabelsRoute(app: FastifyInstance, model: ServedModel, deps: { clock: Clock; labelsMax: number }): void {
  const { schema } = model
  const readLabels = compileLabelReader(schema, deps.labelsMax)
  app.post(
    `/v1/models/${schema.name}/labels`,
    {
      config: { api: 'labels', model },
      schema: {
        tags: ['labels'],
        summary: `Tell ${schema.name} what really happened`,
        body: Type.Union([Label, Labels]),
        response: { 200: Reply, ...bodyRefusals, 422: refusal('The label is wrong; detail names it.') },
      },
      validatorCompiler: () => () => true, // The label reader checks, and names what it refuses.
    },
    async (request) => {
      const nowMs = deps.clock.now()
      const outcomes: Partial<Record<LabelOutcome, number>> = {}
      const results = readLabels(request.body).map(({ predictionId, actual }) => {
        const tracker = model.trackerOf(predictionId) ?? servedBy(request).quality // Who counts an orphan, when nobody made it.
        const outcome = tracker.labelled(predictionId, actual, nowMs)
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
        return { prediction_id: predictionId, outcome }
      })
      return { model: schema.name, outcomes, results }
    },
  )
}
