import { expect, test } from 'vitest'
import { readDuration, readSubmissionOptions, refuseUnknown } from './submission.ts'

const anywhere = () => undefined
const plain = { priority: 5, deadlineMs: undefined, idempotencyKey: undefined, webhook: undefined }

test.for([
  { why: 'nothing', query: {}, headers: {}, want: {} },
  { why: 'a priority', query: { priority: '9' }, headers: {}, want: { priority: 9 } },
  { why: 'the lowest priority is one', query: { priority: '0' }, headers: {}, want: { priority: 0 } },
  { why: 'a deadline', query: { deadline: '1m30s' }, headers: {}, want: { deadlineMs: 90_000 } },
  { why: 'the longest deadline', query: { deadline: '1y' }, headers: {}, want: { deadlineMs: 31_536_000_000 } },
  { why: 'a key', query: {}, headers: { 'idempotency-key': 'a b' }, want: { idempotencyKey: 'a b' } },
  {
    why: 'a webhook',
    query: {},
    headers: { 'webhook-url': 'https://x/', 'webhook-secret': 's' },
    want: { webhook: { url: 'https://x/', secret: 's' } },
  },
])('$why is read', ({ query, headers, want }) => expect(readSubmissionOptions(query, headers, anywhere)).toEqual({ ...plain, ...want }))

test.for([
  { why: 'a priority of two digits', query: { priority: '10' }, headers: {}, message: 'priority must be a digit from 0 to 9, got "10"' },
  { why: 'a priority twice', query: { priority: ['1', '2'] }, headers: {}, message: 'priority must be' },
  { why: 'a deadline of nothing', query: { deadline: '0' }, headers: {}, message: 'deadline must be a duration above zero' },
  { why: 'a deadline without a unit', query: { deadline: '30' }, headers: {}, message: 'deadline must be' },
  {
    why: 'a deadline that no calendar has',
    query: { deadline: '9000000000000000ms' },
    headers: {},
    message: 'deadline must be at most 1y',
  },
  { why: 'a misspelt word', query: { prioritiy: '1' }, headers: {}, message: 'the query has "prioritiy"; known here: priority, deadline' },
  { why: 'an empty key', query: {}, headers: { 'idempotency-key': '' }, message: 'Idempotency-Key must have 1 to 255' },
  { why: 'a key that is too long', query: {}, headers: { 'idempotency-key': 'x'.repeat(256) }, message: 'Idempotency-Key must have' },
  { why: 'a key of other letters', query: {}, headers: { 'idempotency-key': 'ä' }, message: 'Idempotency-Key must have' },
  { why: 'a secret alone', query: {}, headers: { 'webhook-secret': 's' }, message: 'Webhook-Secret stands without' },
  {
    why: 'a webhook that may not be',
    query: {},
    headers: { 'webhook-url': 'http://bad/' },
    message: 'Webhook-Url "http://bad/" cannot be used: no',
  },
])('$why is refused', ({ query, headers, message }) => {
  const fault = (url: string) => (url.includes('bad') ? 'no' : undefined)
  expect(() => readSubmissionOptions(query, headers, fault)).toThrow(message)
})

test('where nothing may stand, that is said', () => expect(() => refuseUnknown({ x: '1' }, [])).toThrow('known here: nothing'))

test('a duration that no number holds is refused', () => expect(() => readDuration('wait', `${'9'.repeat(20)}y`)).toThrow('wait must be'))
