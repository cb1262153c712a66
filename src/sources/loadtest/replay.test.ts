import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createRandom } from '../../core/random.ts'
import { RATE_MAX } from './config.ts'
import { createReplay, IN_FLIGHT_MAX, type Replay, type ReplayOptions } from './replay.ts'
import { demoModel, FakeGateway, type Script } from './testing.ts'

let dir = ''
let gateway: FakeGateway
const replays: Replay[] = []
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'loadtest-'))
  gateway = await FakeGateway.start()
})
afterEach(async () => {
  for (const replay of replays.splice(0)) await replay.close()
  await gateway.close()
  await rm(dir, { recursive: true })
})

async function create(rows: number, change: Partial<ReplayOptions> = {}): Promise<Replay> {
  const file = join(dir, 'rows.csv')
  await writeFile(file, `wind,sky,warmth\n${Array.from({ length: rows }, (_, i) => `${i},sun,${i * 2}\n`).join('')}`)
  const defaults = { url: gateway.url, model: undefined, file, rate: 5000, order: 'file', seed: 1, labelDelayMs: 0, passes: 1 } as const
  const replay = await createReplay({ ...defaults, ...change })
  replays.push(replay)
  return replay
}

const running = () => new AbortController().signal
const winds = () => gateway.predictions.map((row) => (row as { wind: number }).wind)

/** Turns of the event loop until it holds; fails by the test's own time limit. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise(setImmediate)
}

/** Every answer's label has one fate. */
function fates({ labels }: ReturnType<Replay['progress']>): number {
  const { waiting, matched, orphan, late, duplicate, failed, shed, unsent } = labels
  return waiting + matched + orphan + late + duplicate + failed + shed + unsent
}

test('passes: each sends every row once, and the outcomes follow with the right ids', async () => {
  gateway.predict = (row) => ({ status: 200, body: { prediction_id: `of-${(row as { wind: number }).wind}` } })
  const replay = await create(50, { passes: 3, order: 'random' })
  await replay.run(running())
  expect(replay.progress()).toMatchObject({ sent: 150, answered: 150, labelled: 150, failed: 0, shed: 0 })
  const inFile = Array.from({ length: 50 }, (_, i) => i)
  expect(winds().sort((a, b) => a - b)).toEqual(inFile.flatMap((wind) => [wind, wind, wind]))
  for (const { prediction_id, actual } of gateway.labelPosts.flatMap(({ labels }) => labels))
    expect(actual).toEqual({ warmth: Number(prediction_id.slice(3)) * 2 })
})

test('the pace: the first row at once, none before its time', async () => {
  const arrivals: number[] = []
  gateway.predict = (_, n) => {
    arrivals.push(performance.now())
    return { status: 200, body: { prediction_id: `p${n}` } }
  }
  const replay = await create(20, { rate: 100 })
  const startMs = performance.now()
  await replay.run(running())
  expect(arrivals).toHaveLength(20)
  expect(arrivals.every((atMs, i) => atMs - startMs >= i * 10)).toBe(true)
})

test('shedding: a gateway that never answers gets what may be under way, the rest is counted, and a stop ends it', async () => {
  gateway.predict = () => 'hang'
  const replay = await create(10, { rate: RATE_MAX, passes: Number.POSITIVE_INFINITY })
  const stop = new AbortController()
  const startMs = performance.now()
  const run = replay.run(stop.signal)
  await until(() => replay.progress().shed > 10_000)
  stop.abort()
  const due = ((performance.now() - startMs) / 1000) * RATE_MAX + 1
  const { sent, shed } = replay.progress()
  expect(sent).toBe(IN_FLIGHT_MAX)
  expect(sent + shed).toBeLessThanOrEqual(due)
  await run
  expect(replay.progress()).toMatchObject({ sent, shed, answered: 0, failed: IN_FLIGHT_MAX })
})

test('a stop tells how many labels were not sent', async () => {
  const replay = await create(30, { labelDelayMs: 60_000, passes: Number.POSITIVE_INFINITY })
  const stop = new AbortController()
  const run = replay.run(stop.signal)
  await until(() => replay.progress().answered >= 30)
  expect(replay.progress().labels.waiting).toBeGreaterThanOrEqual(30)
  stop.abort()
  await run
  const { answered, labels } = replay.progress()
  expect(labels).toMatchObject({ waiting: 0, matched: 0, unsent: answered })
  expect(gateway.labelPosts).toEqual([])
})

test('predictions that fail in every way are told from labels, and none goes uncounted', async () => {
  const seed = 20_261_120
  const random = createRandom(seed)
  const pick = (...of: readonly Script[]) => of[Math.floor(random() * of.length)]!
  gateway.predict = (_, n) =>
    pick(
      { status: 200, body: { prediction_id: `p${n}` } },
      { status: 200, body: { prediction_id: `p${n}` } },
      { status: 200, body: {} },
      { status: 200, body: 'oops' },
      { status: 422, body: { error: 'wind must not' } },
      { status: 503, body: '<html>' },
      'break',
    )
  gateway.labels = ({ labels }) => {
    const matched = Math.floor(random() * labels.length)
    return pick({ status: 200, body: { outcomes: { matched, orphan: labels.length - matched } } }, { status: 404, body: {} }, 'break')
  }
  const replay = await create(400)
  await replay.run(running())
  const progress = replay.progress()
  expect(progress.sent, `seed ${seed}`).toBe(400)
  expect(progress.answered + progress.failed, `seed ${seed}`).toBe(400)
  expect(progress.failed, `seed ${seed}`).toBeGreaterThan(100)
  expect(fates(progress), `seed ${seed}`).toBe(progress.answered)
})

test('labels reach a gateway that was away when they fell due', async () => {
  gateway.labels = ({ labels }, n) => (n === 1 ? 'break' : { status: n === 2 ? 503 : 200, body: { outcomes: { matched: labels.length } } })
  const replay = await create(20)
  await replay.run(running())
  expect(replay.progress()).toMatchObject({ answered: 20, labelled: 20, failed: 0, labels: { failed: 0, lastFailure: '' } })
})

test('a gateway behind a path is found there', async () => {
  await gateway.close()
  gateway = await FakeGateway.start('/models/of/mine')
  const replay = await create(5)
  await replay.run(running())
  expect(replay.progress()).toMatchObject({ answered: 5, labelled: 5 })
})

test.for([
  { why: 'no list of models', models: {}, want: 'is no modelwatch gateway: its /v1/models lists no models' },
  { why: 'models of another kind', models: { models: [{ name: 'demo' }] }, want: 'its /v1/models lists no models' },
  { why: 'null', models: null, want: 'its /v1/models lists no models' },
  { why: 'a page', models: '<html>hello</html>', want: 'is no modelwatch gateway: 200: the answer is not JSON' },
])('a server that answers $why is no gateway', async ({ models, want }) => {
  gateway.models = { status: 200, body: models }
  await expect(create(1)).rejects.toThrow(
    expect.objectContaining({ code: 'MW_REPLAY_UNREACHABLE', message: expect.stringContaining(want) }),
  )
})

test('a server without that address is no gateway, one that fails is not reached', async () => {
  gateway.models = { status: 404, body: 'not found' }
  await expect(create(1)).rejects.toThrow(/is no modelwatch gateway: 404: no reason given/)
  gateway.models = { status: 502, body: 'bad gateway' }
  await expect(create(1)).rejects.toThrow(/no gateway answers at .*: 502: no reason given/)
  gateway.models = 'break'
  await expect(create(1)).rejects.toThrow(expect.objectContaining({ code: 'MW_REPLAY_UNREACHABLE' }))
})

test.for([
  { why: 'none', models: [], model: undefined, want: 'no model is served at http' },
  {
    why: 'several',
    models: [demoModel, { ...demoModel, name: 'other' }],
    model: undefined,
    want: 'several models are served: demo, other',
  },
  { why: 'another', models: [demoModel], model: 'weather', want: 'no model weather is served; there is demo' },
])('$why served: the model must be named', async ({ models, model, want }) => {
  gateway.models = { status: 200, body: { models } }
  await expect(create(1, { model })).rejects.toThrow(
    expect.objectContaining({ code: 'MW_REPLAY_MODEL', message: expect.stringContaining(want) }),
  )
})

test.for([0, -1, RATE_MAX * 1.01, Number.NaN, Number.POSITIVE_INFINITY])('a rate of %s is refused', async (rate) => {
  await expect(create(1, { rate })).rejects.toThrow(expect.objectContaining({ code: 'MW_REPLAY_OPTIONS' }))
})
