import { expect, test } from 'vitest'
import { judgeServer } from './server.ts'

const info = (facts: Record<string, string>) =>
  [
    '# Server',
    ...Object.entries({ redis_version: '7.0.15', maxmemory: '0', maxmemory_policy: 'noeviction', aof_enabled: '1', ...facts }).map((fact) =>
      fact.join(':'),
    ),
    '',
  ].join('\r\n')

test.for([
  { why: 'fit', facts: {}, notes: [] },
  { why: 'Valkey names the Redis it is compatible with', facts: { redis_version: '7.2.4', server_name: 'valkey' }, notes: [] },
  { why: 'no append-only file', facts: { aof_enabled: '0' }, notes: ['appendonly yes'] },
  { why: 'evicts, once it has a limit', facts: { maxmemory_policy: 'allkeys-lru' }, notes: ['noeviction'] },
  { why: 'a limit without eviction is an error that a client hears of', facts: { maxmemory: '1000000' }, notes: [] },
])('$why', ({ facts, notes }) => {
  expect(judgeServer(info(facts), 'redis://h').notes).toEqual(notes.map((text) => expect.stringContaining(text)))
})

test.for([
  { why: 'evicts', facts: { maxmemory: '1000000', maxmemory_policy: 'volatile-ttl' }, code: 'MW_QUEUE_REDIS_EVICTS' },
  { why: 'too old', facts: { redis_version: '6.0.16' }, code: 'MW_QUEUE_REDIS_VERSION' },
  { why: 'much too old', facts: { redis_version: '5.0.7' }, code: 'MW_QUEUE_REDIS_VERSION' },
  { why: 'tells nothing', facts: { redis_version: '' }, code: 'MW_QUEUE_REDIS_VERSION' },
])('refused: $why', ({ facts, code }) => {
  expect(() => judgeServer(info(facts), 'redis://h')).toThrow(expect.objectContaining({ code }))
})
