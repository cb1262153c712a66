import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { RuntimeEvent } from '../contract.ts'
import { definitions, threadFile } from '../testing.ts'
import { callsWaitingMax, createThreadModel, type ThreadModelOptions } from './thread-pool.ts'

vi.setConfig({ testTimeout: 60_000 })

/** Adds a and b, but for what a asks of it. */
const predictor = `import { existsSync, writeFileSync } from 'node:fs'
const { Worker } = await import('node:worker_threads') // Top-level await is the module's to use.
const acts: Record<string, (b: number) => unknown> = {
  '-1': () => { for (;;); },
  '-2': () => process.exit(7),
  '-3': () => new Promise(() => setTimeout(() => { throw new TypeError('thrown in a timer') })),
  '-4': () => new Promise(() => void Promise.reject(new Error('nobody waits for this'))),
  '-5': () => { const hog: unknown[] = []; for (let i = 0; ; i++) hog.push({ i, list: [i, i] }) },
  '-6': () => { throw Object.assign(new RangeError('this row is bad'), { other: () => 'cannot be cloned' }) },
  '-7': (b) => { setImmediate(() => process.exit(1)); return b },
  '-8': (b) => new Promise((resolve) => setTimeout(() => resolve(b), b)),
  '-10': () => { const hog: unknown[] = []; for (;;) hog.push(new Float64Array(100_000).fill(1)) },
  '-9': () => new Promise(() => {}),
}
export default {
  load({ dir }: { dir: string }) {
    if (existsSync(dir + '/dead')) process.exit(9)
    if (existsSync(dir + '/refuses')) throw new Error('told not to load')
    console.log('loaded')
    console.error('a line,\\nand another')
  },
  async predict({ columns: { a, b } }: { columns: Record<string, Float64Array> }) {
    const act = acts[a[0]]
    if (act === undefined) return { total: a.map((value, r) => value + b[r]) }
    return { total: [await act(b[0])] }
  },
  unload() { writeFileSync(import.meta.dirname + '/unloaded', '') },
}
`
const LOOPS = -1
const EXITS = -2
const FAILS = -6
const SLEEPS = -8
const HANGS = -9

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'threads-'))
})
afterAll(() => rm(dir, { recursive: true }))

let folders = 0
async function start(
  options: Partial<Pick<ThreadModelOptions, 'threads' | 'timeoutMs' | 'memoryMb' | 'loadTimeoutMs'>> = {},
  code = predictor,
) {
  const folder = join(dir, String(folders++))
  await mkdir(folder)
  await writeFile(join(folder, 'predictor.ts'), code)
  const events: RuntimeEvent[] = []
  const model = await createThreadModel({
    task: { runtime: 'typescript', modelPath: join(folder, 'predictor.ts'), schema: definitions.sum.schema, settings: { warm_up: true } },
    threadFile,
    threads: 1,
    memoryMb: 64,
    timeoutMs: 30_000,
    loadTimeoutMs: 60_000,
    onEvent: (event) => events.push(event),
    ...options,
  })
  const predict = (a: number, b = 1, deadlineMs?: number) =>
    model.predict({ rows: 1, values: [Float64Array.of(a), Float64Array.of(b)] }, { deadlineMs })
  const deaths = () => events.flatMap((event) => (event.kind === 'thread_died' ? [{ reason: event.reason, message: event.message }] : []))
  return { model, predict, deaths, events, folder }
}
const sumOf = (a: number, b = 1) => [Float64Array.of(a + b)]

test.for([
  {
    why: 'an endless loop',
    a: LOOPS,
    timeoutMs: 1500,
    code: 'MW_MODEL_TIMEOUT',
    reason: 'timeout',
    message: /a call took longer than 1s500ms/,
  },
  {
    why: 'an answer that never comes',
    a: HANGS,
    timeoutMs: 1500,
    code: 'MW_MODEL_TIMEOUT',
    reason: 'timeout',
    message: /longer than 1s500ms/,
  },
  { why: 'process.exit', a: EXITS, code: 'MW_MODEL_DIED', reason: 'crash', message: /ended the thread with process\.exit\(7\)/ },
  { why: 'an error in a timer', a: -3, code: 'MW_MODEL_DIED', reason: 'crash', message: /TypeError: thrown in a timer/ },
  { why: 'a rejection nobody handles', a: -4, code: 'MW_MODEL_DIED', reason: 'crash', message: /nobody waits for this/ },
  { why: 'more memory than it may have', a: -5, code: 'MW_MODEL_DIED', reason: 'memory', message: /more than its memory_max of 64 MiB/ },
  { why: 'more buffers than it may have', a: -10, code: 'MW_MODEL_DIED', reason: 'memory', message: /more than its memory_max of 64 MiB/ },
] as const)('$why fails its call, and the next calls are answered by another thread', async ({ a, code, reason, message, ...options }) => {
  const { model, predict, deaths } = await start({ timeoutMs: 'timeoutMs' in options ? options.timeoutMs : 30_000 })
  const waiting = [predict(a), predict(2), predict(3)] as const
  await expect(waiting[0]).rejects.toMatchObject({ code, message: expect.stringMatching(message) as string })
  expect(await waiting[1]).toEqual(sumOf(2))
  expect(await waiting[2]).toEqual(sumOf(3))
  expect(deaths()).toEqual([{ reason, message: expect.stringMatching(message) as string }])
  await model.unload()
})

test('an error thrown by the model fails its call alone, with the place in the model', async () => {
  const { model, predict, deaths, folder } = await start()
  const failed = predict(FAILS)
  await expect(failed).rejects.toMatchObject({
    name: 'RangeError',
    message: 'this row is bad',
    stack: expect.stringContaining(join(folder, 'predictor.ts:')) as string,
  })
  expect(await predict(1)).toEqual(sumOf(1))
  expect(deaths()).toEqual([])
  await model.unload()
})

test('what was answered counts, though its thread died right after, and so does a call that it did not live to begin', async () => {
  const { model, predict, deaths } = await start()
  expect(await predict(-7, 5)).toEqual([Float64Array.of(5)])
  expect(await predict(1)).toEqual(sumOf(1))
  await expect.poll(() => deaths().length).toBe(1)
  await model.unload()
})

test('an answer that came while the event loop was busy is not too late', async () => {
  const { model, predict, deaths } = await start({ timeoutMs: 1000 })
  const answer = predict(1)
  const untilMs = performance.now() + 1500
  while (performance.now() < untilMs);
  expect(await answer).toEqual(sumOf(1))
  expect(deaths()).toEqual([])
  await model.unload()
})

test('a thread that keeps dying is waited for no longer; when it lives again, it answers', async () => {
  const { model, predict, deaths, folder } = await start()
  await writeFile(join(folder, 'dead'), '') // From now on a thread dies when it loads.
  await expect(predict(EXITS)).rejects.toMatchObject({ code: 'MW_MODEL_DIED' })
  const waiting = [predict(1), predict(2)]
  const down = { code: 'MW_MODEL_DOWN', message: expect.stringMatching(/died 3 times.*process\.exit\(9\)/) as string }
  await Promise.all(waiting.map((call) => expect(call).rejects.toMatchObject(down)))
  await expect(predict(3)).rejects.toMatchObject({ code: 'MW_MODEL_DOWN' })
  expect(deaths().length).toBeGreaterThanOrEqual(3)
  await rm(join(folder, 'dead'))
  await expect.poll(() => predict(4).catch(() => undefined), { timeout: 30_000 }).toEqual(sumOf(4))
  await model.unload()
})

test('unloading a model whose threads keep dying ends', async () => {
  const { model, predict, folder } = await start()
  await writeFile(join(folder, 'refuses'), '')
  await expect(predict(EXITS)).rejects.toMatchObject({ code: 'MW_MODEL_DIED' })
  const waiting = predict(1)
  const unloaded = model.unload()
  await expect(waiting).rejects.toMatchObject({ code: 'MW_MODEL_DOWN' })
  await unloaded
})

test('one of two threads dies, the other answers on', async () => {
  const { model, predict } = await start({ threads: 2 })
  const fatal = expect(predict(EXITS)).rejects.toMatchObject({ code: 'MW_MODEL_DIED' })
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => predict(i)))
  expect(answers).toEqual(answers.map((_, i) => sumOf(i)))
  await fatal
  await model.unload()
})

test('a call may wait whose deadline is further off than a timer of Node holds', async () => {
  const { model, predict } = await start()
  const first = predict(SLEEPS, 50)
  const second = predict(2, 1, performance.now() + 2 ** 31 + 60_000) // A task may have a year.
  expect(await second).toEqual(sumOf(2))
  await first
  await model.unload()
})

test('a call whose deadline passes while it waits is not sent; the next in line is', async () => {
  const { model, predict } = await start()
  const slow = predict(SLEEPS, 300)
  const late = predict(EXITS, 1, performance.now() + 50) // It would end the thread, if it were sent.
  const next = predict(1)
  await expect(late).rejects.toMatchObject({ code: 'MW_DEADLINE_PASSED' })
  expect(await slow).toEqual([Float64Array.of(300)])
  expect(await next).toEqual(sumOf(1))
  await model.unload()
})

test('as many calls wait as may; the next is refused, and told of', async () => {
  const { model, predict, events } = await start()
  const calls = [predict(SLEEPS, 200), ...Array.from({ length: callsWaitingMax }, (_, i) => predict(i))]
  await expect(predict(0)).rejects.toMatchObject({ code: 'MW_MODEL_BUSY', message: expect.stringContaining('1000 calls wait') as string })
  expect(events.filter(({ kind }) => kind === 'shed').length).toBe(1)
  expect(await Promise.all(calls)).toEqual([[Float64Array.of(200)], ...Array.from({ length: callsWaitingMax }, (_, i) => sumOf(i))])
  await model.unload()
})

test('calls are answered in the order in which they came', async () => {
  const { model, predict } = await start()
  const order: number[] = []
  await Promise.all(Array.from({ length: 100 }, (_, i) => predict(i).then(() => order.push(i))))
  expect(order).toEqual(order.map((_, i) => i))
  await model.unload()
})

test('threads come and go under load, and no call is lost', async () => {
  const { model, predict } = await start({ threads: 1 })
  let going = true
  let answered = 0
  const caller = async () => {
    for (let i = 0; going; i++) {
      expect(await predict(i)).toEqual(sumOf(i))
      answered++
    }
  }
  const callers = Promise.all(Array.from({ length: 8 }, caller))
  for (const count of [3, 1, 4, 2]) {
    await model.threads.resize(count)
    expect(model.threads.count).toBe(count)
    const before = answered
    await expect.poll(() => answered).toBeGreaterThan(before)
  }
  going = false
  await callers
  await model.unload()
})

test('a thousand calls leave nothing behind, and neither does the model', async () => {
  const counts = () => {
    const all = process.getActiveResourcesInfo()
    return new Map([...new Set(all)].map((name) => [name, all.filter((other) => other === name).length]))
  }
  /** What is there more of than before. The test runner's own timers come and go: only what stays was left behind. */
  const leftSince = async (before: Map<string, number>) => {
    const more = () => [...counts()].filter(([name, count]) => count > (before.get(name) ?? 0))
    for (let looks = 0; more().length > 0 && looks < 200; looks++) await pause(50, undefined, { ref: false })
    return more()
  }
  const before = counts()
  const { model, predict } = await start()
  await predict(1)
  const loaded = counts()
  for (let i = 0; i < 1000; i++) await predict(i)
  expect(await leftSince(loaded)).toEqual([])
  await model.unload()
  expect(await leftSince(before)).toEqual([])
})

test('unload lets the model do its own, after its last call', async () => {
  const { model, predict, folder } = await start()
  const last = predict(SLEEPS, 100)
  await model.unload()
  expect(await last).toEqual([Float64Array.of(100)])
  const { existsSync } = await import('node:fs')
  expect(existsSync(join(folder, 'unloaded'))).toBe(true)
})

test('what the model prints comes line by line', async () => {
  const { model, events } = await start()
  const lines = () => events.flatMap((event) => (event.kind === 'log' ? [`${event.stream}: ${event.line}`] : [])).sort()
  await expect.poll(lines).toEqual(['stderr: a line,', 'stderr: and another', 'stdout: loaded'])
  await model.unload()
})

test.for([
  { why: 'ends its thread', code: 'export default { load() { process.exit(4) }, predict() {} }', want: /process\.exit\(4\)/ },
  {
    why: 'takes too long',
    code: 'export default { load: () => new Promise(() => {}), predict() {} }',
    loadTimeoutMs: 700,
    want: /not loaded after 700ms/,
  },
  { why: 'loops', code: 'for (;;);', loadTimeoutMs: 700, want: /not loaded after 700ms/ },
  {
    why: 'throws',
    code: "export default { load() { throw new TypeError('no weights') }, predict() {} }",
    want: /TypeError: no weights, at .*predictor\.ts:1:\d+/,
  },
])('a model that $why when it is loaded is refused', async ({ code, want, ...options }) => {
  await expect(start(options, code)).rejects.toMatchObject({ code: 'MW_MODEL_UNREADABLE', message: expect.stringMatching(want) as string })
})

test('a model that nobody unloads does not hold the process', async () => {
  const { model, folder } = await start()
  await model.unload()
  const script = `
    import { createThreadModel } from ${JSON.stringify(new URL('./thread-pool.ts', import.meta.url))}
    const schema = ${JSON.stringify(definitions.sum.schema)}
    const model = await createThreadModel({
      task: { runtime: 'typescript', modelPath: ${JSON.stringify(join(folder, 'predictor.ts'))}, schema, settings: { warm_up: true } },
      threadFile: new URL(${JSON.stringify(threadFile)}), threads: 2, memoryMb: 64, timeoutMs: 30_000, loadTimeoutMs: 60_000, onEvent() {},
    })
    const [total] = await model.predict({ rows: 1, values: [Float64Array.of(2), Float64Array.of(3)] })
    console.log(total[0])`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>])
  expect([printed, code]).toEqual(['5\n', 0])
})
