import { type Static, Type } from 'typebox'
import { PositiveDuration } from '../../../core/config.ts'
import { parseDurationMs } from '../../../core/time.ts'
import type { QueueOptions } from './contract.ts'

const count = (defaultCount: number, maximum: number, description: string) =>
  Type.Integer({ default: defaultCount, minimum: 1, maximum, description })

/** The `queue:` block of modelwatch.yaml: where tasks stand until a worker takes them, and how often each is tried. */
export const QueueConfig = Type.Object(
  {
    url: Type.String({
      default: 'sqlite:queue.db',
      pattern: '^(sqlite:.+|rediss?://.+)$',
      title: 'sqlite:FILE, redis://HOST or rediss://HOST',
      description:
        'Where tasks are kept: `sqlite:` and a file relative to this one, for one machine; `redis://` or `rediss://` for Redis or Valkey and any number of machines.',
    }),
    tasks_max: count(
      1_000_000,
      100_000_000,
      'Most tasks that wait, are delayed or under way, over all models; further ones are answered 503.',
    ),
    bytes_max: Type.Integer({
      default: 10_000_000_000,
      minimum: 1_048_576,
      maximum: 1e15,
      description:
        'Most bytes of the queue file in use, payloads and results of ended tasks among them; further tasks are answered 503. Redis has a limit of its own: maxmemory.',
    }),
    attempts_max: count(4, 1000, 'Executions that fail before a task is dead.'),
    deaths_max: count(3, 1000, 'Executions whose worker died before a task is dead, for it is likely their cause.'),
    retry_delay: PositiveDuration({
      default: '1s',
      description: 'First wait before another attempt; it doubles each time, and each is drawn between half of it and the whole.',
    }),
    retry_delay_max: PositiveDuration({ default: '5m', description: 'Longest wait before another attempt.' }),
    lease: PositiveDuration({
      default: '30s',
      description:
        'How long a worker may be silent before its tasks are given to another; workers say that they live several times as often.',
    }),
    results_for: PositiveDuration({
      default: '1h',
      description: 'How long a task and its result are kept once it is done or cancelled; then 410.',
    }),
    dead_for: PositiveDuration({ default: '7d', description: 'How long a dead task is kept with its cause.' }),
    idempotency_for: PositiveDuration({ default: '24h', description: 'How long an Idempotency-Key is remembered.' }),
    webhook_attempts_max: count(10, 1000, 'Deliveries of a webhook that fail before it is given up.'),
    webhook_delay: PositiveDuration({
      default: '5s',
      description: 'First wait before a webhook is delivered again; it doubles each time, up to an hour.',
    }),
  },
  { additionalProperties: false, default: {} },
)
export type QueueConfig = Static<typeof QueueConfig>

/** The options of a queue, from its checked block. */
export function toQueueOptions(config: QueueConfig): QueueOptions {
  const ms = (text: string) => parseDurationMs(text)!
  return {
    attemptsMax: config.attempts_max,
    deathsMax: config.deaths_max,
    retryDelayMs: ms(config.retry_delay),
    // A first wait above the longest is the longest.
    retryDelayMsMax: Math.max(ms(config.retry_delay), ms(config.retry_delay_max)),
    leaseMs: ms(config.lease),
    resultsMs: ms(config.results_for),
    deadMs: ms(config.dead_for),
    idempotencyMs: ms(config.idempotency_for),
    tasksMax: config.tasks_max,
    bytesMax: config.bytes_max,
    webhookAttemptsMax: config.webhook_attempts_max,
    webhookDelayMs: ms(config.webhook_delay),
  }
}
