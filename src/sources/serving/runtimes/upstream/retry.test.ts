import { expect, test } from 'vitest'
import type { Exchange } from './connection.ts'
import { retryAfterMs, retryDelayMs } from './retry.ts'

const answer = (status: number, headers: Record<string, string> = {}): Exchange => ({ kind: 'answer', status, headers, text: '' })
const unsent: Exchange = { kind: 'unsent', reason: 'refused' }
const reset: Exchange = { kind: 'reset', reason: 'reset' }

test.for<{ why: string; exchange: Exchange; attempt?: number; resend?: boolean; want: number | undefined }>([
  { why: 'nobody has seen it', exchange: unsent, want: 50 },
  { why: 'nobody has seen it, so that it is no second one', exchange: unsent, resend: false, want: 50 },
  { why: 'the connection ended before any answer', exchange: reset, want: 50 },
  { why: 'it may have been seen, and must not be seen twice', exchange: reset, resend: false, want: undefined },
  { why: 'a gateway without a server', exchange: answer(502), want: 50 },
  { why: 'away for now', exchange: answer(503), want: 50 },
  { why: 'the second pause may be twice as long', exchange: answer(503), attempt: 2, want: 100 },
  { why: 'a pause of ours is at most two seconds', exchange: answer(504), attempt: 9, want: 1000 },
  { why: 'busy, with the time it asks for', exchange: answer(429, { 'retry-after': '3' }), want: 3000 },
  { why: 'busy, and must not be sent twice', exchange: answer(429), resend: false, want: undefined },
  { why: 'attempts are used up', exchange: unsent, attempt: 10, want: undefined },
  { why: 'the server has failed on it', exchange: answer(500), want: undefined },
  { why: 'the server has refused it', exchange: answer(422), want: undefined },
  { why: 'the answer came in part', exchange: { kind: 'broken', reason: 'half' }, want: undefined },
  { why: 'too long once is too long again', exchange: { kind: 'too_long', reason: 'long' }, want: undefined },
  { why: 'nobody waits for it any more', exchange: { kind: 'aborted' }, want: undefined },
])('$why', ({ exchange, attempt = 1, resend = true, want }) => {
  expect(retryDelayMs(exchange, attempt, { resend, attemptsMax: 10, backoffMs: 100 }, () => 0.5)).toBe(want)
})

test.for([
  { why: 'seconds', headers: { 'retry-after': '120' }, want: 120_000 },
  { why: 'none', headers: {}, want: undefined },
  { why: 'no time', headers: { 'retry-after': 'soon' }, want: undefined },
  { why: 'negative is no time', headers: { 'retry-after': '-1' }, want: undefined },
  {
    why: "a date, by the server's own clock",
    headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:10 GMT', date: 'Wed, 21 Oct 2015 07:28:00 GMT' },
    want: 10_000,
  },
  {
    why: 'a date that is past',
    headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT', date: 'Wed, 21 Oct 2015 07:28:10 GMT' },
    want: 0,
  },
  { why: 'a date without a clock', headers: { 'retry-after': 'Wed, 21 Oct 2015 07:28:10 GMT' }, want: undefined },
])('Retry-After: $why', ({ headers, want }) => expect(retryAfterMs(headers)).toBe(want))
