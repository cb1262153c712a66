import { expect, test } from 'vitest'
import { matchParam, parseInteger, parseStepMs, parseTimeMs } from './params.ts'

test.for<[string, number | undefined, string]>([
  ['0', 0, 'the beginning of 1970'],
  ['-1.5', -1500, 'before it'],
  ['1.23456', 1235, 'rounded to a millisecond'],
  ['1.0005', 1000, 'rounded by its fraction alone, which is a little less than half a millisecond'],
  ['600.0005', 600_000, 'the same'],
  ['0.0005', 1, 'half a millisecond, away from zero'],
  ['-0.0005', -1, 'on both sides'],
  ['1700000000.123', 1_700_000_000_123, 'a time of today'],
  ['Inf', undefined, 'never'],
  ['NaN', undefined, 'no time'],
  ['1e3', 1_000_000, 'with an exponent'],
  ['2026-11-20T12:00:00Z', Date.UTC(2026, 10, 20, 12), 'RFC 3339'],
  ['2026-11-20t12:00:00.5z', Date.UTC(2026, 10, 20, 12, 0, 0, 500), 'in small letters'],
  ['2026-11-20T12:00:00+01:30', Date.UTC(2026, 10, 20, 10, 30), 'with an offset'],
  ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29), 'a leap day'],
  ['2026-02-29T00:00:00Z', undefined, 'no leap day'],
  ['1900-02-29T00:00:00Z', undefined, 'none every hundred years'],
  ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29), 'one every four hundred'],
  ['2026-04-31T00:00:00Z', undefined, 'no such day'],
  ['2026-13-01T00:00:00Z', undefined, 'no such month'],
  ['2026-01-01T24:00:00Z', undefined, 'no such hour'],
  ['2026-01-01T00:00:60Z', undefined, 'no leap seconds'],
  ['2026-01-01T00:00:00', undefined, 'no offset'],
  ['2026-01-01', undefined, 'no time of day'],
  ['-292273086-05-16T16:47:06Z', Number.MIN_SAFE_INTEGER, 'the earliest of Go'],
  ['292277025-08-18T07:12:54.999999999Z', Number.MAX_SAFE_INTEGER, 'the latest of Go'],
  ['9007199254740', Number.MAX_SAFE_INTEGER - 991, 'near the last that a double holds exactly'],
  ['9007199254741', undefined, 'beyond it'],
  ['Inf', undefined, 'never'],
  ['NaN', undefined, 'not a number'],
  ['', undefined, 'nothing'],
  ['soon', undefined, 'a word'],
])('time %s is %s: %2$s', ([text, timeMs]) => expect(parseTimeMs(text)).toBe(timeMs))

test.for<[string, number | undefined]>([
  ['15', 15_000],
  ['1m30s', 90_000],
  ['0.25', 250],
  ['0.6667', 666], // Cut off, not rounded.
  ['1.001', 1000], // 1.001 · 1e9 is 1000999999.9999999; Prometheus takes steps of a second here.
  ['0.0005', 0],
  ['-5', -5000],
  ['1e20', undefined],
  ['Inf', undefined],
  ['NaN', undefined],
  ['x', undefined],
])('a step of %s is %s ms', ([text, stepMs]) => expect(parseStepMs(text)).toBe(stepMs))

test.for<[string, number | string]>([
  ['12', 12],
  ['+12', 12],
  ['-4', -4],
  ['9223372036854775807', 2 ** 63],
  ['9223372036854775808', 'strconv.Atoi: parsing "9223372036854775808": value out of range'],
  ['9'.repeat(1_000_000), `strconv.Atoi: parsing "${'9'.repeat(1_000_000)}": value out of range`],
  ['1e3', 'strconv.Atoi: parsing "1e3": invalid syntax'],
])('%#: an integer as Go reads it', ([text, want]) => expect(parseInteger(text)).toBe(want))

test('so many selectors are read, and no more', async () => {
  const params = (count: number) => new URLSearchParams('match[]=up&'.repeat(count))
  expect(await matchParam(params(10_000), () => [])).toHaveLength(10_000)
  await expect(matchParam(params(10_001), () => [])).rejects.toMatchObject({
    code: 'MW_API_PARAMETER',
    message: expect.stringContaining('there are 10001 selectors; at most 10000'),
  })
})
