import { expect, test } from 'vitest'
import { parseRedisUrl } from './url.ts'

const plain = { host: 'h', port: 6379, username: undefined, password: undefined, db: 0, tls: false, prefix: 'modelwatch' }

test.for([
  { why: 'the least', url: 'redis://h', want: plain },
  { why: 'TLS, port and database', url: 'rediss://h:6380/2', want: { ...plain, tls: true, port: 6380, db: 2 } },
  { why: 'a password alone, percent-encoded', url: 'redis://:a%40b%3A@h', want: { ...plain, password: 'a@b:' } },
  { why: 'a user', url: 'redis://me:pw@h/0', want: { ...plain, username: 'me', password: 'pw' } },
  { why: 'an IPv6 address without its brackets', url: 'redis://[::1]:7000', want: { ...plain, host: '::1', port: 7000 } },
  { why: 'a prefix', url: 'redis://h/1?prefix=team-a', want: { ...plain, db: 1, prefix: 'team-a' } },
])('$why', ({ url, want }) => expect(parseRedisUrl(url)).toMatchObject(want))

test.for([
  { why: 'another protocol', url: 'http://h', message: 'no redis:// or rediss:// address' },
  { why: 'no host', url: 'redis://', message: '' },
  { why: 'a database that is no number', url: 'redis://h/tasks', message: '"tasks"' },
  { why: 'an unknown parameter', url: 'redis://h?family=6', message: '"family"' },
  { why: 'braces would be a hash tag of their own', url: 'redis://h?prefix={a}', message: '"{a}"' },
  { why: 'a broken escape', url: 'redis://:%zz@h', message: '%' },
])('refused: $why', ({ url, message }) => {
  expect(() => parseRedisUrl(url)).toThrow(expect.objectContaining({ code: 'MW_QUEUE_URL', message: expect.stringContaining(message) }))
})

test('a password is never told', () => {
  expect(parseRedisUrl('redis://me:s3cret@h').shown).toBe('redis://…@h')
  expect(() => parseRedisUrl('redis://me:s3cret@h/x')).toThrow(expect.objectContaining({ message: expect.not.stringContaining('s3cret') }))
})
