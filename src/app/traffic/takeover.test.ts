import { expect, test, vi } from 'vitest'
import { firstTraffic, type RevisionReport } from '../../sources/serving/traffic/index.ts'
import { MemoryTraffic } from '../../sources/serving/traffic/testing.ts'
import { awaitTakeover, judgeReports } from './takeover.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }) // They wait for events; only a machine at its limit takes long.

/** `a:1 B ready 5`: process, revision, state, generation. */
const parse = (text: string): RevisionReport => {
  const [process, revision, state, generation] = text.split(' ') as [string, string, RevisionReport['state'], string]
  return {
    model: 'weather',
    revision,
    process,
    state,
    reason: state === 'failed' ? 'no reason' : undefined,
    generation: Number(generation),
    timeMs: 0,
  }
}

test.for([
  { why: 'nobody reports', reports: [], want: { done: '', pending: '', failed: '' } },
  { why: 'all of it is ready', reports: ['a:1 A ready 5', 'a:1 B ready 5'], want: { done: 'a:1', pending: '', failed: '' } },
  { why: 'it has not heard of it', reports: ['a:1 A ready 4'], want: { done: '', pending: 'a:1', failed: '' } },
  { why: 'it loads', reports: ['a:1 A ready 5', 'a:1 B loading 5'], want: { done: '', pending: 'a:1', failed: '' } },
  { why: 'it could not', reports: ['a:1 A ready 5', 'a:1 B failed 5'], want: { done: '', pending: '', failed: 'a:1 B' } },
  {
    why: 'it could not before, which is no news',
    reports: ['a:1 B failed 4', 'a:1 A ready 4'],
    want: { done: '', pending: 'a:1', failed: '' },
  },
  { why: 'a later change covers this one', reports: ['a:1 C ready 6'], want: { done: 'a:1', pending: '', failed: '' } },
  { why: 'what it served before is past', reports: ['a:1 A ready 4', 'a:1 B ready 5'], want: { done: 'a:1', pending: '', failed: '' } },
  {
    why: 'each is asked',
    reports: ['a:1 B ready 5', 'b:1 B loading 5', 'c:1 B failed 5'],
    want: { done: 'a:1', pending: 'b:1', failed: 'c:1 B' },
  },
])('$why', ({ reports, want }) => {
  const others = [{ ...parse('z:9 A failed 9'), model: 'another' }]
  const { done, pending, failed } = judgeReports([...others, ...reports.map(parse)], { model: 'weather', generation: 5 })
  const show = {
    done: done.join(),
    pending: pending.join(),
    failed: failed.map(({ process, revision }) => `${process} ${revision}`).join(),
  }
  expect(show).toEqual(want)
})

const wait = (store: ReturnType<MemoryTraffic['open']>, generation: number, timeoutMs: number, onProgress = () => {}) =>
  awaitTakeover(store, { model: 'weather', ...firstTraffic('B', 0), generation }, { timeoutMs, onProgress })

test('it waits for those that are not ready, and tells how far they are', async () => {
  const store = new MemoryTraffic().open()
  await store.report([parse('a:1 A ready 1'), parse('b:1 B ready 2')])
  const told: number[] = []
  const done = await wait(store, 2, 60_000, async () => {
    told.push(1)
    await store.report([parse('a:1 B ready 2')])
  })
  expect(done.toSorted()).toEqual(['a:1', 'b:1'])
  expect(told.length).toBeGreaterThan(0)
})

test('a failure ends the wait, says who and why', async () => {
  const store = new MemoryTraffic().open()
  await store.report([parse('a:1 B ready 2'), parse('b:1 B failed 2'), parse('c:1 B failed 2')])
  await expect(wait(store, 2, 60_000)).rejects.toThrow(
    expect.objectContaining({
      code: 'MW_TAKEOVER_FAILED',
      message: 'b:1 cannot serve weather, revision B: no reason, and 1 more like it',
    }),
  )
})

test('a wait has an end', async () => {
  const store = new MemoryTraffic().open()
  await store.report([parse('a:1 A ready 1')])
  await expect(wait(store, 2, 0)).rejects.toThrow(
    expect.objectContaining({ code: 'MW_TAKEOVER_TIMEOUT', message: expect.stringContaining('a:1 has not') }),
  )
})

test('with nobody to wait for there is no wait', async () => {
  expect(await wait(new MemoryTraffic().open(), 2, 0)).toEqual([])
})
