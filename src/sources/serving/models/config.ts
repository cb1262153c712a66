import { type Static, Type } from 'typebox'

/** A limit: a whole number from 1 to `maximum`, beyond which it could not be kept anyway. */
export const Limit = (fallback: number, maximum: number, description: string) =>
  Type.Integer({ default: fallback, minimum: 1, maximum, description })

/** What of the `serving:` block concerns the models themselves, wherever they run. */
export const modelSettings = {
  models: Type.String({ default: 'models', description: 'Folder of model packages, relative to the configuration file.' }),
  rows_waiting_max: Limit(20_000, 10_000_000, 'Most rows waiting for one model; more are answered 503 with Retry-After.'),
  batch_rows_max: Limit(256, 100_000, 'Most rows of one call of the model.'),
  predictions_remembered_max: Limit(50_000, 10_000_000, 'Predictions that can still be joined with a label, per model.'),
}
export const ModelsConfig = Type.Object(modelSettings, { additionalProperties: false, default: {} })
export type ModelsConfig = Static<typeof ModelsConfig>
