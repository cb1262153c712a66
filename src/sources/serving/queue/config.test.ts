import { expect, test } from 'vitest'
import { parseConfig } from '../../../core/config.ts'
import { QueueConfig, toQueueOptions } from './config.ts'
import { queueFileOf } from './index.ts'

const parse = (text: string) => parseConfig(QueueConfig, text, { file: 'modelwatch.yaml' }).value

test('defaults', () => {
  expect(parse('').url).toBe('sqlite:queue.db')
  expect(toQueueOptions(parse(''))).toEqual({
    attemptsMax: 4,
    deathsMax: 3,
    retryDelayMs: 1000,
    retryDelayMsMax: 300_000,
    leaseMs: 30_000,
    resultsMs: 3_600_000,
    deadMs: 604_800_000,
    idempotencyMs: 86_400_000,
    tasksMax: 1_000_000,
    bytesMax: 10_000_000_000,
    webhookAttemptsMax: 10,
    webhookDelayMs: 5000,
  })
})

test('a first wait above the longest is the longest', () => {
  expect(toQueueOptions(parse('retry_delay: 10m'))).toMatchObject({ retryDelayMs: 600_000, retryDelayMsMax: 600_000 })
})

test.for([
  { why: 'another kind of URL', text: 'url: amqp://host', message: 'sqlite:FILE, redis://HOST or rediss://HOST' },
  { why: 'no lease', text: 'lease: 0s', message: 'lease' },
  { why: 'no attempts', text: 'attempts_max: 0', message: 'attempts_max' },
  { why: 'an unknown key', text: 'atempts_max: 3', message: 'unknown key' },
])('refused: $why', ({ text, message }) => expect(() => parse(text)).toThrow(message))

test.for([
  { url: 'sqlite:queue.db', want: '/base/queue.db' },
  { url: 'sqlite:data/tasks.db', want: '/base/data/tasks.db' },
  { url: 'sqlite:/var/lib/queue.db', want: '/var/lib/queue.db' },
  { url: 'redis://localhost:6379', want: undefined },
  { url: 'rediss://user:secret@host:6379/2', want: undefined },
])('$url is the file $want', ({ url, want }) => expect(queueFileOf(url, '/base')).toBe(want))

test('a URL of something else is refused without its password', () => {
  expect(() => queueFileOf('amqp://user:secret@host', '/base')).toThrow(expect.objectContaining({ code: 'MW_QUEUE_URL' }))
  expect(() => queueFileOf('amqp://user:secret@host', '/base')).toThrow(expect.not.stringContaining('secret') as unknown as string)
})
