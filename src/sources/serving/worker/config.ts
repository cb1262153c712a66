import { type Static, Type } from 'typebox'
import { Duration, PositiveDuration } from '../../../core/config.ts'
import { Limit } from '../models/config.ts'

/** The `work.webhooks:` block. */
export const WebhooksConfig = Type.Object(
  {
    to: Type.Union([Type.Literal('public'), Type.Literal('any'), Type.Literal('off')], {
      default: 'public',
      description:
        'Where webhooks may go: public addresses alone, so that a client cannot have this machine ask its neighbours; any address; or nowhere.',
    }),
    allow: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description:
        'Besides public addresses: hosts (hooks.internal, 10.0.0.7, 10.0.0.7:8080) or beginnings of URLs (http://127.0.0.1:9000/hooks/), whatever they resolve to.',
    }),
    secret: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Signs webhooks whose submission names no secret of its own: whsec_ and base64, or any text.',
      }),
    ),
    timeout: PositiveDuration({ default: '10s', description: 'Longest wait for the answer to one webhook.' }),
    concurrency_max: Limit(64, 10_000, 'Most webhooks under way at once.'),
  },
  { additionalProperties: false, default: {} },
)
export type WebhooksConfig = Static<typeof WebhooksConfig>

/** The `work:` block of modelwatch.yaml. */
export const WorkConfig = Type.Object(
  {
    listen: Type.String({ default: '127.0.0.1:8001', description: 'Address of /metrics and /health of a worker, host:port.' }),
    in_gateway: Type.Boolean({
      default: true,
      description: 'Whether the gateway works through tasks itself, beside its requests; switch it off where workers run on their own.',
    }),
    processes: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 256,
      description:
        'Worker processes that `modelwatch up` starts; the second and further ones listen on the ports after the first. 0: none.',
    }),
    threads_min: Limit(1, 1024, 'Fewest threads for each model.'),
    threads_max: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1024, description: 'Most threads for each model; unset: as many as there are processors.' }),
    ),
    tasks_per_thread: Limit(10, 1_000_000, 'Tasks waiting or active for which one thread is wanted.'),
    scale_interval: PositiveDuration({ default: '5s', description: 'Time between two looks at the depth of the queue.' }),
    scale_tolerance: Type.Number({
      default: 0.1,
      minimum: 0,
      maximum: 1,
      description: 'How far tasks per thread may be from tasks_per_thread, as a ratio, before the count of threads changes.',
    }),
    scale_down_window: Duration({
      default: '5m',
      description: 'Threads are ended only when this long none of the looks at the queue asked for as many.',
    }),
    task_timeout: PositiveDuration({ default: '15m', description: 'Longest time for one execution of a task; then it counts as hung.' }),
    stop_timeout: PositiveDuration({
      default: '10s',
      description: 'How long tasks in hand may take when the worker is asked to stop; the others go back to the queue.',
    }),
    webhooks: WebhooksConfig,
  },
  { additionalProperties: false, default: {} },
)
export type WorkConfig = Static<typeof WorkConfig>
