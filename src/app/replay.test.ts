import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createTestGateway, type TestGateway } from '../sources/serving/gateway/testing.ts'
import { createReplay } from './replay.ts'

let dir = ''
let gateway: TestGateway
let url = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'replay-'))
  gateway = await createTestGateway()
  url = await gateway.app.listen({ port: 0, host: '127.0.0.1' })
})
afterEach(async () => {
  await gateway.app.close()
  await rm(dir, { recursive: true })
})

async function start(csv: string, change: Partial<Parameters<typeof createReplay>[0]> = {}) {
  const file = join(dir, 'rows.csv')
  await writeFile(file, csv)
  return createReplay({ url, model: undefined, file, rate: 2000, order: 'file', seed: 1, labelDelayMs: 20, passes: 1, ...change })
}

const metric = (line: string) => gateway.registry.render().match(new RegExp(`^${line}[^ ]* (.*)$`, 'm'))?.[1]
const running = () => new AbortController().signal

test('every row is sent, and its outcome follows as a label', async () => {
  const rows = Array.from({ length: 100 }, (_, i) => `${i % 10},sun,${(i % 10) * 2 + 1}`)
  const replay = await start(`wind,sky,warmth\n${rows.join('\n')}\n`)
  await replay.run(running())
  const labels = { waiting: 0, matched: 100, orphan: 0, late: 0, duplicate: 0, failed: 0, shed: 0, unsent: 0, lastFailure: '' }
  expect(replay.progress()).toEqual({ sent: 100, answered: 100, failed: 0, labelled: 100, shed: 0, lastFailure: '', labels })
  expect(metric('modelwatch_error_abs_total')).toBe('100')
  await replay.close()
})

test('rows that the gateway refuses are counted, with the reason, and the others go on', async () => {
  const replay = await start('wind,sky,extra\n1,sun,x\nwindy,sun,x\n,sun,x\nNaN,sun,x\n2,rain,x\n')
  await replay.run(running())
  const progress = replay.progress()
  expect(progress).toMatchObject({ sent: 5, answered: 2, failed: 3, labelled: 0 })
  expect(progress.lastFailure).toMatch(/^422: wind must/)
  expect(metric('modelwatch_violations_total.model="demo",revision="v1",name="wind",rule="nonfinite"')).toBe('1')
  expect(metric('modelwatch_violations_total.model="demo",revision="v1",name="wind",rule="missing"')).toBe('1')
  await replay.close()
})

test('it keeps its pace, over and over, until it is stopped', async () => {
  const replay = await start('wind,sky\n1,sun\n', { passes: Number.POSITIVE_INFINITY, rate: 200 })
  const stop = new AbortController()
  const startMs = performance.now()
  const run = replay.run(stop.signal)
  await expect.poll(() => replay.progress().sent, { timeout: 30_000 }).toBeGreaterThan(50)
  stop.abort()
  await run
  const due = ((performance.now() - startMs) / 1000) * 200
  expect(replay.progress().sent).toBeLessThanOrEqual(due + 1)
  await replay.close()
})

test.for([
  { why: 'a missing column', csv: 'wind\n1\n', code: 'MW_TABLE_COLUMN_MISSING', want: 'lacks the column sky; it has wind' },
  { why: 'no rows', csv: 'wind,sky\n', code: 'MW_REPLAY_EMPTY', want: 'holds no row' },
])('$why is refused before anything is sent', async ({ csv, code, want }) => {
  await expect(start(csv)).rejects.toThrow(expect.objectContaining({ code, message: expect.stringContaining(want) }))
})

test('another model, and a gateway that is not there, are named', async () => {
  await expect(start('wind,sky\n1,sun\n', { model: 'weather' })).rejects.toThrow('no model weather is served; there is demo')
  await gateway.app.close()
  await expect(start('wind,sky\n1,sun\n')).rejects.toThrow(expect.objectContaining({ code: 'MW_REPLAY_UNREACHABLE' }))
})
