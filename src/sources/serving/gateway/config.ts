import { type Static, Type } from 'typebox'
import { PositiveDuration } from '../../../core/config.ts'
import { Limit, modelSettings } from '../models/config.ts'
import { admissionSettings } from './admission/settings.ts'
import { TasksConfig } from './tasks/config.ts'

/** The `serving:` block of modelwatch.yaml. */
export const ServingConfig = Type.Object(
  {
    listen: Type.String({ default: '127.0.0.1:8000', description: 'Address of the gateway, host:port.' }),
    connections_max: Limit(
      1000,
      100_000,
      'Most connections at once; further ones are closed, and counted. With body_bytes_max it bounds what stalled uploads hold. As many requests may stand behind others of their connections.',
    ),
    request_timeout: PositiveDuration({
      default: '30s',
      description:
        'Longest time for a request to arrive; a slower client is cut off. So is one that takes nothing of its answer for longer.',
    }),
    stop_timeout: PositiveDuration({
      default: '5s',
      description: 'How long requests under way may take when the gateway is asked to stop.',
    }),
    body_bytes_max: Limit(1_048_576, 1_000_000_000, 'Largest request body; a larger one is answered 413.'),
    rows_max: Limit(10_000, 1_000_000, 'Most rows of one request.'),
    ...admissionSettings,
    tasks: TasksConfig,
    ...modelSettings,
  },
  { additionalProperties: false, default: {} },
)
export type ServingConfig = Static<typeof ServingConfig>
