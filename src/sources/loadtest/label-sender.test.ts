import { expect, test } from 'vitest'
import type { Reply } from './gateway-client.ts'
import { LabelSender, type LabelSenderOptions, type RetryOptions, WAITING_MAX } from './label-sender.ts'

const none = { waiting: 0, matched: 0, orphan: 0, late: 0, duplicate: 0, failed: 0, shed: 0, unsent: 0, lastFailure: '' }
const failed: Reply = { kind: 'failed', reason: 'no connection' }
const refused = (status: number): Reply => ({ kind: 'refused', status, reason: `${status}: no` })
const matched = (ids: readonly string[]): Reply => ({ kind: 'answered', answer: { outcomes: { matched: ids.length } } })
const quick: RetryOptions = { retriesMax: 3, waitMsMin: 1, waitMsMax: 2 }

/** A sender and the ids of each post it makes. */
function create(answer: (ids: readonly string[], n: number) => Reply | Promise<Reply>, options: Partial<LabelSenderOptions> = {}) {
  const posts: string[][] = []
  const post = async (_model: string, _api: string, body: string) => {
    const ids = (JSON.parse(body) as { labels: { prediction_id: string }[] }).labels.map(({ prediction_id }) => prediction_id)
    posts.push(ids)
    return answer(ids, posts.length)
  }
  return { posts, sender: new LabelSender({ post }, { model: 'demo', delayMs: 0, ...options }, quick) }
}

async function sendAll(sender: LabelSender, count: number): Promise<void> {
  for (let i = 0; i < count; i++) sender.add(`p${i}`, { warmth: i })
  sender.finish()
  await sender.run(new AbortController().signal)
}

const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `p${from + i}`)

test('what became of labels is counted as the gateway tells', async () => {
  const outcomes = { matched: 1, orphan: 2, late: 3, duplicate: 4 }
  const { sender } = create(() => ({ kind: 'answered', answer: { outcomes } }))
  await sendAll(sender, 10)
  expect(sender.progress()).toEqual({ ...none, ...outcomes })
})

test.for([
  { why: 'nothing', answer: {}, want: { failed: 5, lastFailure: 'the answer tells of 0 of 5 labels' } },
  { why: 'null', answer: null, want: { failed: 5, lastFailure: 'the answer tells of 0 of 5 labels' } },
  { why: 'some', answer: { outcomes: { matched: 3 } }, want: { matched: 3, failed: 2, lastFailure: 'the answer tells of 3 of 5 labels' } },
])('an answer that tells of $why leaves no label uncounted', async ({ answer, want }) => {
  const { sender } = create(() => ({ kind: 'answered', answer }))
  await sendAll(sender, 5)
  expect(sender.progress()).toEqual({ ...none, ...want })
})

test('many labels go in several requests, in order', async () => {
  const { sender, posts } = create(matched)
  await sendAll(sender, 1200)
  expect(posts).toEqual([ids(0, 500), ids(500, 1000), ids(1000, 1200)])
})

test('a gateway that is away for a while loses none', async () => {
  const { sender, posts } = create((all, n) => (n <= 3 ? failed : matched(all)))
  await sendAll(sender, 10)
  expect(sender.progress()).toEqual({ ...none, matched: 10 })
  expect(posts).toEqual([ids(0, 10), ids(0, 10), ids(0, 10), ids(0, 10)])
})

test('a gateway that stays away is given up, once; when it is back, the retries are too', async () => {
  // 4 attempts for the first request, 1 for the second, then it answers, then it fails again with its retries.
  const { sender, posts } = create((all, n) => (n === 6 || n === 8 ? matched(all) : failed))
  await sendAll(sender, 2000)
  expect(sender.progress()).toEqual({ ...none, matched: 1000, failed: 1000, lastFailure: 'no connection' })
  expect(posts.map(([first]) => first)).toEqual(['p0', 'p0', 'p0', 'p0', 'p500', 'p1000', 'p1500', 'p1500'])
})

test('a gateway that takes fewer at once gets fewer', async () => {
  const { sender } = create((all) => (all.length > 100 ? refused(422) : matched(all)))
  await sendAll(sender, 500)
  expect(sender.progress()).toEqual({ ...none, matched: 500 })
})

test('one label that is refused takes no other with it', async () => {
  const { sender } = create((all) => (all.includes('p77') ? refused(422) : matched(all)))
  await sendAll(sender, 300)
  expect(sender.progress()).toEqual({ ...none, matched: 299, failed: 1, lastFailure: '422: no' })
})

test('a refusal of the whole is not asked again', async () => {
  const { sender, posts } = create(() => refused(404))
  await sendAll(sender, 300)
  expect(sender.progress()).toEqual({ ...none, failed: 300, lastFailure: '404: no' })
  expect(posts).toHaveLength(1)
})

test('labels wait until they are due', async () => {
  const startMs = performance.now()
  const { sender } = create(matched, { delayMs: 150 })
  await sendAll(sender, 1)
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(150)
  expect(sender.progress()).toEqual({ ...none, matched: 1 })
})

test('a stop counts what was not sent: those waiting, and those that were to be tried again', async () => {
  const stop = new AbortController()
  const { sender } = create(() => {
    stop.abort()
    return failed
  })
  for (let i = 0; i < 700; i++) sender.add(`p${i}`, { warmth: i })
  const running = sender.run(stop.signal)
  expect(sender.progress().waiting).toBe(700)
  await running
  sender.drop()
  expect(sender.progress()).toEqual({ ...none, unsent: 700 })
})

test('labels beyond the bound are shed, and counted', () => {
  const { sender } = create(matched)
  for (let i = 0; i < WAITING_MAX + 3; i++) sender.add('p', { warmth: 1 })
  expect(sender.progress()).toEqual({ ...none, waiting: WAITING_MAX, shed: 3 })
})
