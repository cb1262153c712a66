import { expect, test } from 'vitest'
import { formatDuration, parseDurationMs } from './time.ts'

test.for([
  ['15s', 15_000],
  ['1h30m', 5_400_000],
  ['500ms', 500],
  ['1d', 86_400_000],
  ['0', 0],
  ['2w', 1_209_600_000],
  ['1y', 31_536_000_000],
] as const)('%s is %i ms', ([text, ms]) => expect(parseDurationMs(text)).toBe(ms))

test.for(['', '1', '1h1h', '30m1h', '-5s', '1.5h', '5 s', 's'])('%j is not a duration', (text) =>
  expect(parseDurationMs(text)).toBeUndefined(),
)

test.for([
  [0, '0s'],
  [90_000, '1m30s'],
  [86_400_000, '1d'],
  [604_800_000, '1w'],
  [691_200_000, '8d'],
  [1500, '1s500ms'],
] as const)('%i ms is written %s', ([ms, text]) => expect(formatDuration(ms)).toBe(text))
