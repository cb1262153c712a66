import { type Static, Type } from 'typebox'
import { Duration, PositiveDuration } from '../../../core/config.ts'
import { trafficSettings } from '../traffic/config.ts'

/** A limit: a whole number from 1 to `maximum`, beyond which it could not be kept anyway. */
export const Limit = (fallback: number, maximum: number, description: string) =>
  Type.Integer({ default: fallback, minimum: 1, maximum, description })

/** What of the `serving:` block concerns the models themselves, wherever they run. */
export const modelSettings = {
  models: Type.String({ default: 'models', description: 'Folder of model packages, relative to the configuration file.' }),
  rows_waiting_max: Limit(20_000, 10_000_000, 'Most rows waiting for one model; more are answered 503 with Retry-After.'),
  batch_rows_max: Limit(256, 100_000, 'Most rows of one call of the model.'),
  batch_wait_max: Duration({
    default: '2ms',
    description: 'Longest that rows wait for others to share their call, where the model is slow enough for it to pay; 0 never waits.',
  }),
  wait_max: PositiveDuration({
    default: '1s',
    description:
      'Longest expected wait for the model that a request is let in for; beyond it, it is answered 503 with Retry-After at once.',
  }),
  ...trafficSettings,
  revisions_max: Type.Integer({
    default: 10,
    minimum: 2,
    maximum: 1000,
    description: 'Most revisions of one model in memory at once, those counted that are being loaded, or that only tasks still ask for.',
  }),
  reload: Type.Boolean({
    default: false,
    description: 'Whether a changed model file is loaded anew, and a new folder under revisions/ deployed, without being told to.',
  }),
  predictions_remembered_max: Limit(50_000, 10_000_000, 'Predictions that can still be joined with a label, per model.'),
}
export const ModelsConfig = Type.Object(modelSettings, { additionalProperties: false, default: {} })
export type ModelsConfig = Static<typeof ModelsConfig>
