import { type Static, Type } from 'typebox'

/** The `serving:` block of modelwatch.yaml. */
export const ServingConfig = Type.Object(
  {
    listen: Type.String({ default: '127.0.0.1:8000', description: 'Address of the gateway, host:port.' }),
    models: Type.String({ default: 'models', description: 'Folder of model packages, relative to the configuration file.' }),
    body_bytes_max: Type.Integer({
      default: 10_000_000,
      minimum: 1024,
      description: 'Largest request body; a larger one is answered 413.',
    }),
    rows_max: Type.Integer({ default: 10_000, minimum: 1, description: 'Most rows of one request.' }),
    rows_waiting_max: Type.Integer({
      default: 20_000,
      minimum: 1,
      description: 'Most rows waiting for one model; more are answered 503 with Retry-After.',
    }),
    batch_rows_max: Type.Integer({ default: 256, minimum: 1, description: 'Most rows of one call of the model.' }),
    predictions_remembered_max: Type.Integer({
      default: 50_000,
      minimum: 1,
      description: 'Predictions that can still be joined with a label, per model.',
    }),
  },
  { additionalProperties: false, default: {} },
)
export type ServingConfig = Static<typeof ServingConfig>
