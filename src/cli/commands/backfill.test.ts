import { expect, test } from 'vitest'
import type { BackfillResult } from '../../app/backfill/backfill.ts'
import { describeResult } from './backfill.ts'

const store = {
  kind: 'store',
  folder: 'data',
  taken: 1_234_567,
  refused: { duplicate: 0, tooOld: 0, overLimit: 0, outOfOrder: 0 },
  firstRefused: undefined,
  blocks: 4,
  bytesPerSample: 0.973,
} as const
const result: BackfillResult = {
  samples: 1_234_567,
  series: 1000,
  isSeriesExact: true,
  minMs: 1_600_000_000_000,
  maxMs: 1_700_000_000_123,
  skippedRows: 0,
  outcome: store,
  isInterrupted: false,
}
const server = {
  kind: 'server',
  url: 'http://h/api/v1/write',
  requests: 12,
  retries: 0,
  refusedRequests: 0,
  refusedSamplesMax: 0,
  firstRefusal: undefined,
} as const

test.for<{ why: string; change: Partial<BackfillResult>; want: string[] }>([
  {
    why: 'all went well',
    change: {},
    want: [
      '1,234,567 samples of 1,000 series, from 2020-09-13T12:26:40.000Z to 2023-11-14T22:13:20.123Z',
      '1,234,567 samples taken into data, which holds 4 blocks, 0.97 bytes a sample',
    ],
  },
  {
    why: 'nothing was read',
    change: {
      samples: 0,
      series: 0,
      minMs: undefined,
      maxMs: undefined,
      skippedRows: 1,
      outcome: { ...store, taken: 0, blocks: 0, bytesPerSample: Number.NaN },
    },
    want: ['no samples', '1 row could not be read and was left out', '0 samples taken into data, which holds 0 blocks'],
  },
  {
    why: 'some were refused',
    change: { outcome: { ...store, taken: 1, refused: { ...store.refused, duplicate: 2, overLimit: 1 }, firstRefused: 'a at …' } },
    want: [
      '1,234,567 samples of 1,000 series, from 2020-09-13T12:26:40.000Z to 2023-11-14T22:13:20.123Z',
      '1 sample taken into data, which holds 4 blocks, 0.97 bytes a sample',
      '2 samples left out: their time is taken by another value',
      '1 sample left out: the store is full of series',
      '  the first: a at …',
    ],
  },
  {
    why: 'interrupted on the way to a server that refuses some',
    change: {
      isInterrupted: true,
      isSeriesExact: false,
      outcome: { ...server, retries: 3, refusedRequests: 2, refusedSamplesMax: 20_000, firstRefusal: '400 too old' },
    },
    want: [
      'interrupted: what is in stays; the same command again brings the rest',
      '1,234,567 samples of more than 1,000 series, from 2020-09-13T12:26:40.000Z to 2023-11-14T22:13:20.123Z',
      'sent to http://h/api/v1/write in 12 requests, and 3 times anew',
      '2 requests of up to 20,000 samples were refused, in whole or in part:',
      '  400 too old',
    ],
  },
])('$why', ({ change, want }) => {
  expect(describeResult({ ...result, ...change })).toEqual(want)
})
