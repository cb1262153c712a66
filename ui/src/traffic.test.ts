import { expect, test } from 'vitest'
import type { Model } from './load/catalogue.ts'
import { noComparison } from './load/traffic.ts'
import { type Comparison, chooseRevision, describeRole, isSplit, toRevisionTraffic } from './traffic.ts'

const modelOf = (last: Readonly<Record<string, number | undefined>>): Model => ({
  model: 'm',
  reporters: [],
  revisions: Object.entries(last).map(([revision, trafficRatio]) => ({
    revision,
    info: {},
    trainedAtMs: undefined,
    deployedAtMs: undefined,
    referenceRows: undefined,
    trafficRatio,
  })),
})

test.for([
  { why: 'the wish counts', last: { b: 0, a: 1 }, shares: { a: 1, b: 0 }, wanted: 'b', want: 'b' },
  { why: 'an unknown wish does not', last: { b: 0, a: 1 }, shares: { a: 1, b: 0 }, wanted: 'z', want: 'a' },
  { why: 'a shadow deployed last is not what users see', last: { b: 0, a: 1 }, shares: { a: 1, b: 0 }, wanted: undefined, want: 'a' },
  { why: 'most of the traffic', last: { b: 0.1, a: 0.9 }, shares: { a: 0.9, b: 0.1 }, wanted: undefined, want: 'a' },
  { why: 'of equals the one deployed last', last: { b: 0.5, a: 0.5 }, shares: { a: 0.5, b: 0.5 }, wanted: undefined, want: 'b' },
  { why: 'now counts more than a minute ago', last: { b: 0, a: 1 }, shares: { a: 0, b: 1 }, wanted: undefined, want: 'b' },
  { why: 'a gateway that died: what it said last', last: { b: 0.1, a: 0.9 }, shares: undefined, wanted: undefined, want: 'a' },
  { why: 'nobody ever told of traffic', last: { b: undefined, a: undefined }, shares: undefined, wanted: undefined, want: 'b' },
  { why: 'no revision', last: {}, shares: undefined, wanted: 'a', want: undefined },
])('which revision: $why', ({ last, shares, wanted, want }) => {
  const now = shares === undefined ? undefined : new Map(Object.entries(shares))
  expect(chooseRevision(modelOf(last), now, wanted)?.revision).toBe(want)
})

const timesMs = [10, 20, 30, 40]
const shadow = { agree: 1, disagree: 0, failed: 0, dropped: 0, differences: [] }
const rowsOf = (
  shares: Readonly<Record<string, number>> | undefined,
  history: Readonly<Record<string, readonly (number | null)[]>>,
  comparison: Partial<Comparison> = {},
) =>
  toRevisionTraffic(
    shares === undefined ? undefined : new Map(Object.entries(shares)),
    { ...noComparison, ...comparison },
    { timesMs, shares: new Map(Object.entries(history)) },
  )

test.for([
  { why: 'always the only one', shares: { a: 1 }, history: { a: [1, 1, 1, 1] }, want: [['a', '100\u00a0%', undefined]], split: false },
  {
    why: 'one began inside the picture: it took its share then',
    shares: { a: 0.9, b: 0.1 },
    history: { a: [1, 1, 0.9, 0.9], b: [null, null, 0.1, 0.1] },
    want: [
      ['a', '90\u00a0%', 30],
      ['b', '10\u00a0%', 30],
    ],
    split: true,
  },
  {
    why: 'one that left stays while the picture shows it',
    shares: { b: 1 },
    history: { a: [1, 1, 0, null], b: [null, 0, 1, 1] },
    want: [
      ['b', '100\u00a0%', 30],
      ['a', 'no longer served', undefined],
    ],
    split: true,
  },
  {
    why: 'one that was only tried by its tag, and left, is not told of',
    shares: { a: 1 },
    history: { a: [1, 1, 1, 1], b: [0, 0, null, null] },
    want: [['a', '100\u00a0%', undefined]],
    split: false,
  },
  {
    why: 'a silent gateway: nobody knows, and the last that answered stands first',
    shares: undefined,
    history: { a: [1, 0, null, null], b: [null, 1, null, null] },
    want: [
      ['b', 'not known now', undefined],
      ['a', 'not known now', undefined],
    ],
    split: true,
  },
  {
    why: 'a gateway silent amid a split: the order is the one it had',
    shares: undefined,
    history: { a: [0.9, 0.9, null, null], b: [0.1, 0.1, null, null] },
    want: [
      ['a', 'not known now', undefined],
      ['b', 'not known now', undefined],
    ],
    split: true,
  },
  { why: 'nothing known', shares: undefined, history: {}, want: [], split: false },
] as const)('rows: $why', ({ shares, history, want, split }) => {
  const rows = rowsOf(shares, history)
  expect(rows.map((row) => [row.revision, describeRole(row), row.sinceMs])).toEqual(want)
  expect(isSplit(rows)).toBe(split)
})

test('those without a share: the shadow, then the tagged, then who only lingers', () => {
  const rows = rowsOf(
    { idle: 0, tagged: 0, shadow: 0, a: 1 },
    {},
    {
      tags: new Map([
        ['tagged', ['next']],
        ['shadow', ['candidate']],
      ]),
      shadows: new Map([['shadow', shadow]]),
    },
  )
  expect(rows.map((row) => [row.revision, describeRole(row)])).toEqual([
    ['a', '100\u00a0%'],
    ['shadow', 'shadow'],
    ['tagged', 'by its tag'],
    ['idle', 'none now'],
  ])
})
