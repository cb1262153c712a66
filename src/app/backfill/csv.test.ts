import { expect, test } from 'vitest'
import { type CsvOptions, readCsv } from './csv.ts'
import { Collector, drain, inputOf } from './testing.ts'

const base: CsvOptions = {
  metric: 'm',
  metricColumn: undefined,
  timeColumn: undefined,
  valueColumns: undefined,
  labelColumns: undefined,
  labels: {},
  timeFormat: 'auto',
  skipBadRows: false,
}

const read = async (text: string, options: Partial<CsvOptions> = {}) => {
  const target = new Collector()
  const skipped = await drain(readCsv(inputOf(text), target, { ...base, ...options }))
  return { samples: Object.fromEntries(target.samples), skipped }
}

const t = 1_700_000_000_000

test.for<{ why: string; text: string; options?: Partial<CsvOptions>; want: Record<string, [number, number][]> }>([
  { why: 'one value column is the metric itself', text: 'time,x\n1700000000,1.5\n', want: { m: [[t, 1.5]] } },
  { why: 'several are the metric and their names', text: 'time,x,y z\n1700000000,1,2\n', want: { m_x: [[t, 1]], m_y_z: [[t, 2]] } },
  { why: 'text is a label', text: 'time,x,city\n1700000000,1,Ulm\n', want: { 'm{city="Ulm"}': [[t, 1]] } },
  {
    why: 'an empty label is none',
    text: 'time,x,city\n1700000000,1,\n1700000000,2,Ulm\n',
    want: { m: [[t, 1]], 'm{city="Ulm"}': [[t, 2]] },
  },
  {
    why: 'a number can be a label if it is said so',
    text: 'time,x,shop\n1700000000,1,7\n',
    options: { labelColumns: ['shop'] },
    want: { 'm{shop="7"}': [[t, 1]] },
  },
  {
    why: 'other columns are left out when values are named',
    text: 'time,x,y\n1700000000,1,7\n',
    options: { valueColumns: ['x'] },
    want: { m: [[t, 1]] },
  },
  {
    why: 'rows name their metric',
    text: 'metric,value,n,time\na,1,5,1700000000\nb,2,6,1700000000\n',
    options: { metric: undefined, metricColumn: 'metric' },
    want: { a: [[t, 1]], b: [[t, 2]] },
  },
  { why: 'labels for all', text: 'time,x\n1700000000,1\n', options: { labels: { job: 'j' } }, want: { 'm{job="j"}': [[t, 1]] } },
  { why: 'the time has another name', text: 'Timestamp,x\n2023-11-14T22:13:20Z,1\n', want: { m: [[t, 1]] } },
  {
    why: 'missing values are no samples',
    text: 'time,x,y\n1700000000,,1\n1700000001,NaN,2\n1700000002,N/A,3\n1700000003,7,null\n',
    want: {
      m_x: [[t + 3000, 7]],
      m_y: [
        [t, 1],
        [t + 1000, 2],
        [t + 2000, 3],
      ],
    },
  },
  { why: 'infinity is a value', text: 'time,x\n1700000000,-Inf\n', want: { m: [[t, Number.NEGATIVE_INFINITY]] } },
  {
    why: 'a mark, quotes and line ends of Windows',
    text: '\uFEFFtime,x,"a ""b"""\r\n1700000000,1,"c,\nd"\r\n',
    want: { 'm{a__b_="c,\\nd"}': [[t, 1]] },
  },
  { why: 'an empty column that stays empty does not matter', text: 'time,x,note\n1700000000,1,\n', want: { m: [[t, 1]] } },
  { why: 'a column without a name can be a label too', text: 'time,x,1st\n1700000000,1,a\n', want: { 'm{_1st="a"}': [[t, 1]] } },
  {
    why: 'cells that run together are still two',
    text: 'time,x,a,b\n1700000000,1,cd,\n1700000000,2,c,d\n',
    want: { 'm{a="cd"}': [[t, 1]], 'm{a="c", b="d"}': [[t, 2]] },
  },
])('$why', async ({ text, options, want }) => {
  expect((await read(text, options)).samples).toEqual(want)
})

test.for<{ why: string; text: string; options?: Partial<CsvOptions>; code: string; message: string }>([
  { why: 'an empty file', text: '', code: 'MW_BACKFILL_COLUMNS', message: 'in is empty: its first line must name the columns' },
  {
    why: 'no time',
    text: 'a,b\n1,2\n',
    code: 'MW_BACKFILL_COLUMNS',
    message: 'in: no column is named time, timestamp, date, datetime, ts; its columns are a, b',
  },
  {
    why: 'no such column',
    text: 'time,b\n1,2\n',
    options: { valueColumns: ['x'] },
    code: 'MW_BACKFILL_COLUMNS',
    message: 'there is no column x',
  },
  { why: 'no value', text: 'time,b\n1700000000,x\n', code: 'MW_BACKFILL_COLUMNS', message: 'there is no column of numbers' },
  {
    why: 'a word between numbers',
    text: 'time,b\n1700000000,1\n1700000001,broken\n',
    code: 'MW_BACKFILL_COLUMNS',
    message: 'there is no column of numbers to take values from: b holds numbers and "broken"',
  },
  { why: 'a column twice', text: 'time,b,b\n', code: 'MW_BACKFILL_COLUMNS', message: 'in:1: the column "b" stands twice' },
  {
    why: 'a column that is two things',
    text: 'time,b\n1700000000,1\n',
    options: { valueColumns: ['time'] },
    code: 'MW_BACKFILL_COLUMNS',
    message: 'asked to be two things',
  },
  {
    why: 'two labels of one name',
    text: 'time,b,a b,a-b\n1700000000,1,x,y\n',
    code: 'MW_BACKFILL_COLUMNS',
    message: 'two labels would both be named a_b',
  },
  {
    why: 'a reserved label',
    text: 'time,b,__a\n1700000000,1,x\n',
    code: 'MW_BACKFILL_COLUMNS',
    message: 'the label __a begins with two underscores',
  },
  {
    why: 'one metric a row, several values',
    text: 'name,time,a,b\nx,1700000000,1,2\n',
    options: { metric: undefined, metricColumn: 'name' },
    code: 'MW_BACKFILL_COLUMNS',
    message: 'each row has one metric, named by name, and several columns of numbers, a, b',
  },
  {
    why: 'a row too short',
    text: 'time,x\n1700000000,1\n1700000001\n',
    code: 'MW_BACKFILL_ROW',
    message: 'in:3: has 1 cells, the header has 2',
  },
  {
    why: 'a value that is none',
    text: 'time,x\n1700000000,1\n1700000001,2 %\n',
    options: { valueColumns: ['x'] },
    code: 'MW_BACKFILL_ROW',
    message: 'in:3: x is "2 %", which is no number',
  },
  {
    why: 'a time that is none',
    text: 'time,x\nyesterday,1\n',
    code: 'MW_BACKFILL_ROW',
    message: 'in:2: the time is "yesterday", which is no time',
  },
  {
    why: 'a metric without a name',
    text: 'name,time,a\n,1700000000,1\n',
    options: { metric: undefined, metricColumn: 'name' },
    code: 'MW_BACKFILL_ROW',
    message: 'in:2: the metric has no name',
  },
  { why: 'an open quote', text: 'time,x\n"1,2\n', code: 'MW_BACKFILL_ROW', message: 'in: Quote Not Closed' },
])('$why is refused', async ({ text, options, code, message }) => {
  await expect(read(text, options)).rejects.toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
})

test('bad rows are left out and counted, when that is asked for', async () => {
  const { samples, skipped } = await read('time,x\n1700000000,1\n?,2\n1700000001\n1700000002,4\n', {
    skipBadRows: true,
    valueColumns: ['x'],
  })
  expect(samples).toEqual({
    m: [
      [t, 1],
      [t + 2000, 4],
    ],
  })
  expect(skipped).toBe(2)
})

test('a column that was empty for long and then is not, is not silently lost', async () => {
  const rows = Array.from({ length: 2500 }, (_, i) => `${1_700_000_000 + i},1,${i === 2400 ? 'late' : ''}`)
  await expect(read(`time,x,note\n${rows.join('\n')}\n`)).rejects.toThrow(/^in:2402: note is "late"; the column was empty at first/)
  const named = await read(`time,x,note\n${rows.join('\n')}\n`, { valueColumns: ['x'], labelColumns: [] })
  expect(named.samples.m).toHaveLength(2500)
})
