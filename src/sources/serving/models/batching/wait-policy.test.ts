import { expect, test } from 'vitest'
import { callsWorth, isWorthWaiting, returnWindowMs, rowsWorth } from './wait-policy.ts'

test.for([
  { why: 'nothing learned yet', fixedMs: 0, rowMs: 0, want: 256 },
  { why: 'a call costs much', fixedMs: 8, rowMs: 0.1, want: 256 },
  { why: 'rows are all that costs: the call’s own 0.05 ms is 2 % of 3 ms', fixedMs: 0, rowMs: 1, want: 3 },
  { why: 'a row takes as long as it likes', fixedMs: 0, rowMs: 1000, want: 1 },
  { why: 'the call and a tenth of it for each row: (5 + 0.05) / (2 % of 0.5)', fixedMs: 5, rowMs: 0.5, want: 256 },
  { why: '(0.5 + 0.05) / (2 % of 0.5)', fixedMs: 0.5, rowMs: 0.5, want: 55 },
])('rows worth a call: $why', ({ fixedMs, rowMs, want }) => expect(rowsWorth({ fixedMs, rowMs }, 256)).toBe(want))

test.for([
  { why: 'one call is free', rows: 100, free: 1, want: 1 },
  { why: 'four are, and rows are most of the work', rows: 100, free: 4, want: 4 },
  { why: 'too few rows to share: 2 ms of rows, 1.05 ms a call', rows: 2, free: 4, want: 1 },
])('calls worth: $why', ({ rows, free, want }) => expect(callsWorth({ fixedMs: 1, rowMs: 1 }, rows, free)).toBe(want))

test.for([
  { why: 'a cheap model', fixedMs: 0.1, waitMaxMs: 2, want: 0 },
  { why: 'half of what the call costs', fixedMs: 3, waitMaxMs: 2, want: 1.5 },
  { why: 'no longer than allowed', fixedMs: 50, waitMaxMs: 2, want: 2 },
  { why: 'not allowed', fixedMs: 50, waitMaxMs: 0, want: 0 },
])('returning clients: $why', ({ fixedMs, waitMaxMs, want }) => expect(returnWindowMs(fixedMs, waitMaxMs)).toBe(want))

test('waiting is worth what the others gain, less what those who are there lose', () => {
  expect(isWorthWaiting({ requests: 1, returning: 1, leftMs: 2, callMs: 8 })).toBe(true)
  expect(isWorthWaiting({ requests: 4, returning: 1, leftMs: 2, callMs: 8 })).toBe(false)
  expect(isWorthWaiting({ requests: 1, returning: 0, leftMs: 2, callMs: 8 })).toBe(false)
})
