import { type Static, Type } from 'typebox'
import { PositiveDuration } from '../../../../core/config.ts'
import { Limit } from '../../models/config.ts'

/** The `serving.tasks:` block. */
export const TasksConfig = Type.Object(
  {
    wait_max: PositiveDuration({
      default: '60s',
      description: 'Longest that one request may wait for a task to end; who asks for more waits this long.',
    }),
    waiting_max: Limit(1000, 100_000, 'Most clients that wait for tasks or follow them at once; further ones are answered 503.'),
    heartbeat: PositiveDuration({ default: '15s', description: 'Time between two signs of life to a client that follows a task.' }),
  },
  { additionalProperties: false, default: {} },
)
export type TasksConfig = Static<typeof TasksConfig>
