import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { definitions, testContext } from '../testing.ts'
import { onnxRuntime } from './index.ts'
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
