import { expect, test } from 'vitest'
import { historyMax, type Share, type TrafficState } from './contract.ts'
import { printShares, sharesOf } from './shares.ts'
import {
  deploy,
  firstTraffic,
  followLatest,
  removeTag,
  revisionsNeeded,
  revisionsWanted,
  rollBack,
  setShadow,
  setShares,
  setTag,
  setTagShares,
  tagsMax,
  wayForward,
} from './split.ts'

const known = ['A', 'B', 'C', 'D']
const shares = (text: string): Share[] =>
  text.split(',').map((part) => ({ revision: part.split('=')[0]!, percent: Number(part.split('=')[1]) }))

/** One step of an operator, as typed. */
type Step = string
let nowMs = 0

/** Runs steps one after the other from a model whose only revision is A. */
function after(steps: readonly Step[]): TrafficState {
  nowMs = 0
  return steps.reduce<TrafficState>(
    (state, step) => {
      nowMs += 1000
      const [word, argument = '', option = ''] = step.split(' ')
      if (word === 'deploy') return deploy(state, { revision: argument, traffic: option !== '--no-traffic', tag: undefined, nowMs })
      if (word === 'to') return setShares(state, shares(argument), known, nowMs)
      if (word === 'tags')
        return setTagShares(
          state,
          shares(argument).map(({ revision, percent }) => ({ tag: revision, percent })),
          nowMs,
        )
      if (word === 'latest') return followLatest(state, nowMs)
      if (word === 'tag') return setTag(state, argument.split('=')[0]!, argument.split('=')[1]!, known)
      if (word === 'rollback') return rollBack(state, known, nowMs)
      throw new Error(`no such step: ${step}`)
    },
    firstTraffic('A', 0),
  )
}

/** `latest=B` or `A=90,B=10`. */
const show = ({ split }: TrafficState) => (split.shares === 'latest' ? `latest=${split.latest}` : printShares(split.shares))

test.for([
  { why: 'the latest takes over', steps: ['deploy B'], want: 'latest=B', latest: 'B' },
  { why: 'without traffic, who serves is pinned', steps: ['deploy B --no-traffic'], want: 'A=100', latest: 'B' },
  { why: 'after a pin, later ones get nothing', steps: ['deploy B --no-traffic', 'deploy C'], want: 'A=100', latest: 'C' },
  { why: 'an explicit split stays', steps: ['deploy B', 'to A=90,B=10', 'deploy C'], want: 'B=10,A=90', latest: 'C' },
  {
    why: 'without traffic beside an explicit split, nothing moves',
    steps: ['deploy B', 'to A=90,B=10', 'deploy C --no-traffic'],
    want: 'B=10,A=90',
    latest: 'C',
  },
  { why: 'to the latest again, it follows again', steps: ['deploy B --no-traffic', 'latest', 'deploy C'], want: 'latest=C', latest: 'C' },
  { why: 'the latest now, not that of the pin', steps: ['deploy B --no-traffic', 'deploy C', 'latest'], want: 'latest=C', latest: 'C' },
  { why: 'the same again changes nothing', steps: ['deploy B', 'deploy B'], want: 'latest=B', latest: 'B' },
  { why: 'a canary keeps its place', steps: ['deploy B', 'to B=10,A=90', 'to B=50,A=50'], want: 'B=50,A=50', latest: 'B' },
  { why: 'a tag takes from who serves', steps: ['deploy B --no-traffic', 'tag t=B', 'tags t=10'], want: 'A=90,B=10', latest: 'B' },
  { why: 'a tag’s share grows', steps: ['deploy B --no-traffic', 'tag t=B', 'tags t=10', 'tags t=30'], want: 'A=70,B=30', latest: 'B' },
  { why: 'a tag’s share goes', steps: ['deploy B --no-traffic', 'tag t=B', 'tags t=10', 'tags t=0'], want: 'A=100', latest: 'B' },
  {
    why: 'a tag that moves takes no traffic along',
    steps: ['deploy B', 'tag t=A', 'tags t=10', 'tag t=C'],
    want: 'B=90,A=10',
    latest: 'B',
  },
])('$why', ({ steps, want, latest }) => {
  const state = after(steps)
  expect(show(state)).toBe(want)
  expect(state.latest).toBe(latest)
})

test.for([
  { why: 'what latest stood for then is written out', steps: ['deploy B', 'rollback'], want: 'A=100', forward: 'latest=B' },
  { why: 'further back, not forth', steps: ['deploy B', 'deploy C', 'rollback', 'rollback'], want: 'A=100', forward: 'B=100' },
  { why: 'to an explicit split', steps: ['deploy B', 'to A=90,B=10', 'latest', 'rollback'], want: 'B=10,A=90', forward: 'latest=B' },
  {
    why: 'what was rolled back from is passed by',
    steps: ['deploy B', 'rollback', 'deploy C', 'latest', 'rollback'],
    want: 'A=100',
    forward: 'latest=C',
  },
  {
    why: 'forward by hand, then back again',
    steps: ['deploy B', 'rollback', 'to B=100', 'rollback'],
    want: 'A=100',
    forward: 'B=100',
  },
  { why: 'a pin is no step', steps: ['deploy B', 'deploy C --no-traffic', 'rollback'], want: 'A=100', forward: 'B=100' },
  { why: 'a tag is no step', steps: ['deploy B', 'tag t=B', 'rollback'], want: 'A=100', forward: 'latest=B' },
  {
    why: 'a long way back',
    steps: ['deploy B', 'to A=50,B=50', 'deploy C', 'latest', 'deploy D', 'rollback', 'rollback', 'rollback', 'rollback'],
    want: 'A=100',
    forward: 'B=100',
  },
])('rollback: $why', ({ steps, want, forward }) => {
  const state = after(steps)
  expect(show(state)).toBe(want)
  expect(show({ ...state, split: wayForward(state)! })).toBe(forward)
})

test.for([
  { why: 'nothing came before', steps: ['rollback'] },
  { why: 'at the beginning, it says so and does not turn round', steps: ['deploy B', 'rollback', 'rollback'] },
  { why: 'a pin of the first is nothing to go back to', steps: ['deploy B --no-traffic', 'rollback'] },
])('no way back: $why', ({ steps }) => {
  expect(() => after(steps)).toThrow(expect.objectContaining({ code: 'MW_TRAFFIC_NO_WAY_BACK' }))
})

test('a rollback to a revision whose folder is gone says so', () => {
  expect(() => rollBack(after(['deploy B']), ['B'], 1)).toThrow('there is no revision A; there are B')
})

test('a first revision needs traffic, and takes its tag with it', () => {
  expect(deploy(undefined, { revision: 'A', traffic: true, tag: 'blue', nowMs: 5 })).toEqual({
    latest: 'A',
    split: { shares: 'latest', latest: 'A', sinceMs: 5 },
    tags: { blue: 'A' },
    shadow: undefined,
    history: [],
  })
  expect(() => deploy(undefined, { revision: 'A', traffic: false, tag: undefined, nowMs: 5 })).toThrow(
    expect.objectContaining({ code: 'MW_TRAFFIC_FIRST_REVISION' }),
  )
})

test('unknown revisions and tags are refused with a list of those there are', () => {
  const state = after(['tag blue=A'])
  expect(() => setShares(state, shares('X=100'), known, 0)).toThrow('there is no revision X; there are D, C, B, A')
  expect(() =>
    setShares(
      state,
      shares('X=100'),
      Array.from({ length: 12 }, (_, i) => `r${i}`),
      0,
    ),
  ).toThrow('r2 and 2 more')
  expect(() => setTag(state, 'green', 'X', known)).toThrow('there is no revision X')
  expect(() => setTagShares(state, [{ tag: 'green', percent: 10 }], 0)).toThrow('there is no tag green; there are blue')
  expect(() => removeTag(after([]), 'green')).toThrow('there is no tag green; there are none')
  expect(() => removeTag(state, 'constructor')).toThrow(expect.objectContaining({ code: 'MW_TRAFFIC_TAG_UNKNOWN' }))
})

test.for(['', 'Blue', '1st', 'a_b', 'a b', 'a'.repeat(64)])('%j is no tag', (tag) => {
  expect(() => setTag(after([]), tag, 'A')).toThrow(expect.objectContaining({ code: 'MW_TRAFFIC_TAG_INVALID' }))
})

test('tags are set, moved, taken away, and not without a bound', () => {
  expect(after(['tag t=A', 'tag t=B', 'tag u=A']).tags).toEqual({ t: 'B', u: 'A' })
  expect(removeTag(after(['tag t=A', 'tag u=A']), 't').tags).toEqual({ u: 'A' })
  const full = after(Array.from({ length: tagsMax }, (_, i) => `tag t${i}=A`))
  expect(setTag(full, 't0', 'B').tags.t0).toBe('B')
  expect(() => setTag(full, 'more', 'B')).toThrow(`the model has ${tagsMax} tags already`)
})

test('a shadow has a share above 0', () => {
  expect(setShadow(after([]), { revision: 'B', ratio: 1 }, known).shadow).toEqual({ revision: 'B', ratio: 1 })
  expect(setShadow(setShadow(after([]), { revision: 'B', ratio: 0.1 }, known), undefined, []).shadow).toBeUndefined()
  for (const ratio of [0, -1, 1.1, Number.NaN])
    expect(() => setShadow(after([]), { revision: 'B', ratio }, known)).toThrow(
      expect.objectContaining({ code: 'MW_TRAFFIC_SHADOW_INVALID' }),
    )
  expect(() => setShadow(after([]), { revision: 'X', ratio: 1 }, known)).toThrow('there is no revision X')
})

test('history has a bound, and keeps the newest', () => {
  const state = after(Array.from({ length: 30 }, (_, i) => `to ${i % 2 === 0 ? 'B' : 'C'}=100`))
  expect(state.history).toHaveLength(historyMax)
  expect(sharesOf(state.history[0]!)).toEqual(shares('B=100'))
})

test('what is wanted is held ready, and what may be needed is not deleted', () => {
  const state = setShadow(
    after(['deploy B', 'deploy C', 'rollback', 'tag t=A', 'deploy D --no-traffic']),
    { revision: 'C', ratio: 1 },
    known,
  )
  expect([...revisionsWanted(state)].sort()).toEqual(['A', 'B', 'C'])
  expect([...revisionsNeeded(state)].sort()).toEqual(['A', 'B', 'C', 'D'])
  expect([...revisionsNeeded(after(['deploy B', 'deploy C', 'rollback', 'rollback']))].sort()).toEqual(['A', 'C']) // B was rolled back from.
})
