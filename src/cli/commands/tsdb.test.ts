import { expect, test } from 'vitest'
import type { TsdbReport } from '../../app/analyze.ts'
import { describeHealth, describeReport } from './tsdb.ts'

const report: TsdbReport = {
  folder: 'data',
  parts: [
    {
      kind: 'block',
      id: '0abc',
      minMs: 1_700_000_000_000,
      maxMs: 1_700_007_199_000,
      series: 1000,
      samples: 480_000,
      chunks: 4000,
      dataBytes: 480_000,
      indexBytes: 48_000,
      bytesPerSample: 1.1,
      level: 1,
      deletedSeries: 0,
      churn: { began: 20, ended: 5, ratio: 0.02 },
    },
    {
      kind: 'log',
      id: '',
      minMs: undefined,
      maxMs: undefined,
      series: 0,
      samples: 0,
      chunks: 0,
      dataBytes: 49,
      indexBytes: 0,
      bytesPerSample: Number.NaN,
      level: 0,
      deletedSeries: 0,
      churn: undefined,
    },
  ],
  series: 1000,
  samples: 480_000,
  labelPairs: 1003,
  sizeBytes: 528_049,
  dataBytesPerSample: 1,
  indexBytesPerSample: 0.1,
  metricsBySeries: [{ name: 'up', value: 1000 }],
  metricsBySamples: [{ name: 'up', value: 480_000 }],
  labelsByValues: [{ name: 'instance', value: 1000 }],
  labelsByBytes: [],
  pairsBySeries: [
    { name: 'job=a\nb', value: 900 },
    { name: 'job=c', value: 7 },
  ],
  pairsByChurn: [],
  damages: [],
  unfinished: undefined,
}

test('a table of parts and a list of each kind that has something', () => {
  const want = `
data: 480,000 samples of 1,000 series with 1,003 label pairs, 515.7 KiB
blocks take 1.10 bytes a sample: data 1.00, index 0.10

part  level  from                  to                    series  samples       data     index  B/sample  began  ended  churn
0abc      1  2023-11-14T22:13:20Z  2023-11-15T00:13:19Z   1,000  480,000  468.8 KiB  46.9 KiB      1.10     20      5  2.0 %
log          –                     –                          0        0       49 B                   –

Metrics with most series
  1,000  up

Metrics with most samples
  480,000  up

Labels with most values
  1,000  instance

Label pairs with most series
  900  job=a\\nb
    7  job=c`
  expect(`\n${describeReport(report).join('\n')}`).toBe(want)
})

test('health says what was checked, what is damaged, and what is no damage', () => {
  expect(describeHealth(report)).toEqual(['data is whole: 1 block, 0 checkpoints, the log: 480,000 samples, 515.7 KiB'])
  const damaged = { ...report, damages: [{ path: 'data/blocks/0abc', reason: 'a checksum' }], unfinished: { path: 'w', reason: 'cut off' } }
  expect(describeHealth(damaged)).toEqual([
    'data is damaged; read were 1 block, 0 checkpoints, the log: 480,000 samples, 515.7 KiB',
    '',
    'the log ends in an unfinished record (w: cut off); it is being written, or the next start repairs it',
    '',
    'Damaged',
    '  data/blocks/0abc: a checksum',
  ])
})
