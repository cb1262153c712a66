import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LoadedModel, ModelThreads } from '../contract.ts'
import { definitions, testContext } from '../testing.ts'
import { onnxRuntime } from './index.ts'
import { createInlineModel } from './inline-model.ts'
import { LoopLoad } from './loop-load.ts'
import { encodeEchoes } from './testing.ts'

const { schema } = definitions.shape
let dir = ''
let path = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'inline-'))
  path = join(dir, 'model.onnx')
  await writeFile(path, encodeEchoes([{ input: 's', output: 'same', type: 'float32', shape: ['rows', 3] }]))
})
afterAll(() => rm(dir, { recursive: true }))

const rows = (count: number) => ({ rows: count, values: [new Float64Array(count * 3).fill(2)] })
const load = (inlineMsMax: number, threadFile?: URL) =>
  onnxRuntime.load(path, schema, {
    ...testContext(onnxRuntime, { threads: 2, settings: { inline_ms_max: inlineMsMax } }),
    ...(threadFile === undefined ? {} : { threadFile }),
  })

test('a model whose calls are short has no threads, and needs no program for them', async () => {
  const model = await load(1000, new URL('file:///nowhere.js'))
  expect(await model.predict(rows(300))).toEqual(rows(300).values)
  expect([model.threads, model.concurrency]).toEqual([undefined, 1])
  await model.unload()
})

test('a model whose every call is long has its threads from the start', async () => {
  const model = await load(0)
  expect([model.threads?.count, model.concurrency]).toEqual([2, 2])
  expect(await model.predict(rows(300))).toEqual(rows(300).values)
  await model.unload()
}, 60_000)

test('threads that cannot be started refuse the model, or the call that needs them', async () => {
  await expect(load(0, new URL('file:///nowhere.js'))).rejects.toMatchObject({ code: 'MW_MODEL_UNREADABLE' })
}, 60_000)

/** A model whose rows take 1 µs each on the loop, and answer where they were computed; its thread starts when it is told to. */
async function scripted(inlineMsMax: number, load?: LoopLoad) {
  const started = Promise.withResolvers<void>()
  const asked: number[] = []
  const here = [Float64Array.of(0)]
  const there = [Float64Array.of(1)]
  const pool: LoadedModel & { threads: ModelThreads } = {
    concurrency: 1,
    threads: { count: 1, resize: async () => {} },
    predict: async () => there,
    unload: async () => {},
  }
  const model = await createInlineModel(
    {
      predict: async () => here,
      measure: async (columns) => ({ outputs: here, busyMs: columns.rows / 1000 }),
      unload: async () => {},
    },
    {
      modelPath: 'model.onnx',
      schema,
      inlineMsMax,
      load,
      startThreads: async () => {
        asked.push(asked.length)
        await started.promise
        return pool
      },
    },
  )
  const place = async (count: number) => ((await model.predict(rows(count))) === here ? 'loop' : 'thread')
  return { model, place, asked, started }
}

test('while its first thread starts, a call that is somewhat long runs on the loop, and a longer one waits', async () => {
  const { model, place, asked, started } = await scripted(0.5)
  expect([await place(500), asked.length]).toEqual(['loop', 0])
  expect([await place(1500), asked.length]).toEqual(['loop', 1])
  const long = place(3000)
  expect([await place(1500), asked.length]).toEqual(['loop', 1])
  started.resolve()
  expect(await long).toBe('thread')
  expect([await place(1500), await place(400)]).toEqual(['thread', 'loop'])
  expect(model.concurrency).toBe(2)
  await model.unload()
})

test('a thread that cannot be started is told to the call that needs it, and asked for again by the next', async () => {
  const { model, place, asked, started } = await scripted(0.5)
  expect(await place(1500)).toBe('loop')
  const long = place(3000)
  started.reject(new Error('no memory'))
  await expect(long).rejects.toThrow('no memory')
  expect(await place(1500)).toBe('loop')
  expect(asked.length).toBe(2)
  await model.unload()
})

test('while the loop is busy, all but the shortest calls leave it, and come back when it is not', async () => {
  const clock = { nowMs: 0, activeMs: 0 }
  const load = new LoopLoad({ now: () => clock.nowMs, active: () => clock.activeMs })
  const pass = (activeMs: number) => {
    clock.nowMs += 100
    clock.activeMs += activeMs
  }
  const { model, place, started } = await scripted(2, load)
  started.resolve()
  await place(200)
  expect(await place(200)).toBe('loop')
  pass(100)
  expect(await place(200)).toBe('loop') // Its thread starts.
  await Promise.resolve()
  expect([await place(200), await place(60), await place(1500)]).toEqual(['thread', 'loop', 'thread'])
  pass(10)
  expect(await place(200)).toBe('loop')
  await model.unload()
})
