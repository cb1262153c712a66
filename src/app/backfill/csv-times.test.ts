import { expect, test } from 'vitest'
import { parseTimeMs, type TimeFormat } from './csv-times.ts'

const day = Date.UTC(2024, 1, 29)

test.for<{ why: string; cell: string; format?: TimeFormat; want: number | string }>([
  { why: 'seconds by their size', cell: '1700000000', want: 1_700_000_000_000 },
  { why: 'seconds with a fraction', cell: '1700000000.123', want: 1_700_000_000_123 },
  { why: 'milliseconds by their size', cell: '1700000000123', want: 1_700_000_000_123 },
  { why: 'the smallest seconds', cell: '100000000', want: 1e11 },
  { why: 'the smallest milliseconds', cell: '100000000000', want: 1e11 },
  { why: 'a date without dashes is no number of seconds', cell: '20240229', want: 'neither seconds nor milliseconds' },
  { why: 'an index is no time', cell: '0', want: 'neither seconds nor milliseconds' },
  { why: 'microseconds are refused', cell: '1700000000123456', want: 'neither seconds nor milliseconds' },
  { why: 'small seconds when asked for', cell: '1.5', format: 'seconds', want: 1500 },
  { why: 'small milliseconds when asked for', cell: '-7', format: 'milliseconds', want: -7 },
  { why: 'a number that no double holds', cell: '1e300', format: 'seconds', want: 'too far away' },
  { why: 'a date is no number of seconds', cell: '2024-02-29', format: 'seconds', want: 'no number' },
  { why: 'RFC 3339', cell: '2024-02-29T01:02:03Z', want: day + 3_723_000 },
  { why: 'with a fraction and a zone', cell: '2024-02-29T01:02:03.250+01:30', want: day + 3_723_250 - 5_400_000 },
  { why: 'a zone west of Greenwich', cell: '2024-02-28T22:00:00-02:00', want: day },
  { why: 'microseconds round', cell: '2024-02-29T00:00:00.0006Z', want: day + 1 },
  { why: 'a blank, and a zone without a colon', cell: '2024-02-29 00:00:00 +0000', want: day },
  { why: 'a day', cell: '2024-02-29', want: day },
  { why: 'a minute', cell: ' 2024-02-29 01:02 ', want: day + 3_720_000 },
  { why: 'a second, in UTC', cell: '2024-02-29 01:02:03', want: day + 3_723_000 },
  { why: 'an old year', cell: '0099-01-01', want: -59_042_995_200_000 }, // Date.UTC would make 1999 of it.
  { why: 'no such day', cell: '2023-02-29', want: 'there is no such time' },
  { why: 'no such hour', cell: '2024-02-29 24:00', want: 'there is no such time' },
  { why: 'no such zone', cell: '2024-02-29T00:00:00+24:00', want: 'there is no such time' },
  { why: 'a zone is missing where it must be', cell: '2024-02-29 01:02:03', format: 'rfc3339', want: 'without a zone' },
  { why: 'a zone where there must be none', cell: '2024-02-29T01:02:03Z', format: 'date', want: 'with a zone' },
  { why: 'a number where a date must be', cell: '1700000000', format: 'date', want: 'where a date was expected' },
  { why: 'day and month in an order nobody can know', cell: '01/02/2024', want: 'no time' },
  { why: 'nothing', cell: '  ', want: 'is empty' },
])('$why: $cell', ({ cell, format = 'auto', want }) => {
  const got = parseTimeMs(cell, format)
  if (typeof want === 'number') expect(got).toBe(want)
  else expect(got).toContain(want)
})
