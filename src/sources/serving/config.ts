import { type Static, Type } from 'typebox'
import { PositiveDuration } from '../../core/config.ts'

/** A limit: a whole number from 1 to `maximum`, beyond which it could not be kept anyway. */
const Limit = (fallback: number, maximum: number, description: string) =>
  Type.Integer({ default: fallback, minimum: 1, maximum, description })

/** The `serving:` block of modelwatch.yaml. */
export const ServingConfig = Type.Object(
  {
    listen: Type.String({ default: '127.0.0.1:8000', description: 'Address of the gateway, host:port.' }),
    models: Type.String({ default: 'models', description: 'Folder of model packages, relative to the configuration file.' }),
    connections_max: Limit(
      1000,
      100_000,
      'Most connections at once; further ones are closed, and counted. With body_bytes_max it bounds what stalled uploads hold.',
    ),
    request_timeout: PositiveDuration({ default: '30s', description: 'Longest time for a request to arrive; a slower client is cut off.' }),
    stop_timeout: PositiveDuration({
      default: '5s',
      description: 'How long requests under way may take when the gateway is asked to stop.',
    }),
    body_bytes_max: Limit(1_048_576, 1_000_000_000, 'Largest request body; a larger one is answered 413.'),
    rows_max: Limit(10_000, 1_000_000, 'Most rows of one request.'),
    rows_waiting_max: Limit(20_000, 10_000_000, 'Most rows waiting for one model; more are answered 503 with Retry-After.'),
    batch_rows_max: Limit(256, 100_000, 'Most rows of one call of the model.'),
    predictions_remembered_max: Limit(50_000, 10_000_000, 'Predictions that can still be joined with a label, per model.'),
  },
  { additionalProperties: false, default: {} },
)
export type ServingConfig = Static<typeof ServingConfig>
