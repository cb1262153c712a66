import { expect, test } from 'vitest'
import { ModelwatchError } from '../../../../core/errors.ts'
import type { Column, Columns } from '../../../../watch/index.ts'
import type { LoadedModel, PredictOptions } from '../../runtimes/contract.ts'
import { CostlyModel, createTestBatcher, lost, numbers, SimulatedLoop } from './testing.ts'

const cheap = { fixedMs: 1, rowMs: 0.01 }
const busy = { fixedMs: 10, rowMs: 0 }

const valuesOf = ({ outputs }: { outputs: readonly Column[] }) => [...(outputs[0] as Float64Array)]
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error: unknown) => (error instanceof ModelwatchError ? error.code : String(error)),
  )

test('on the real event loop: requests of the same moment share a call, and each has its own rows back', async () => {
  const calls: number[] = []
  const model: LoadedModel = {
    concurrency: 1,
    threads: undefined,
    async predict({ rows, values }) {
      calls.push(rows)
      return [(values[0] as Float64Array).map((value) => value * 2)]
    },
    async unload() {},
  }
  const { batcher, series } = createTestBatcher(model)
  const answers = await Promise.all([numbers(1), numbers(2, 3), numbers(), numbers(4)].map((columns) => batcher.predict(columns)))
  expect(answers.map(valuesOf)).toEqual([[2], [4, 6], [], [8]])
  expect(calls).toEqual([4])
  expect(series('modelwatch_batches_total{model="demo",revision="v1",reason="gathered"}')).toBe('1')
  expect(series('modelwatch_phase_duration_seconds_count{model="demo",revision="v1",phase="compute"}')).toBe('4')
  for (const { queueMs, batchMs, computeMs } of answers) expect(Math.min(queueMs, batchMs, computeMs)).toBeGreaterThanOrEqual(0)
  await batcher.close()
})

test('columns of every kind are put together and taken apart, with as many values a row as they have', async () => {
  const seen: Columns[] = []
  const model: LoadedModel = {
    concurrency: 1,
    threads: undefined,
    async predict(columns) {
      seen.push(columns)
      return columns.values
    },
    async unload() {},
  }
  const { batcher } = createTestBatcher(model, { batchRowsMax: 3 })
  const picture = (byte: number) => new Uint8Array([byte])
  const rows = (...ids: readonly number[]): Columns => ({
    rows: ids.length,
    values: [
      Float64Array.from(ids),
      Float64Array.from(ids.flatMap((id) => [id, id + 0.25, id + 0.5])), // shape [3]
      BigInt64Array.from(ids.map((id) => -BigInt(id) * 2n ** 60n)),
      BigUint64Array.from(ids.flatMap((id) => [BigInt(id), 2n ** 63n + BigInt(id)])), // shape [2]
      ids.map((id) => `sky ${id}`),
      ids.map(picture),
    ],
  })
  const asked = [rows(1), rows(2, 3), rows(4, 5, 6, 7, 8, 9, 10), rows()]
  const answers = await Promise.all(asked.map((columns) => batcher.predict(columns)))
  expect(answers.map(({ outputs }) => outputs)).toEqual(asked.map(({ values }) => values))
  expect(seen.map((columns) => columns.rows)).toEqual([3, 3, 3, 1])
})

test('first come, first served; what came while a call ran goes together, as far as it fits', async () => {
  const loop = new SimulatedLoop()
  const model = new CostlyModel(loop, busy)
  const { batcher, series } = createTestBatcher(model, { batchRowsMax: 4 }, loop)
  const done: number[] = []
  const ask = (...rows: number[]) => batcher.predict(numbers(...rows)).then((answer) => done.push(...valuesOf(answer)))
  void ask(1)
  await loop.run(1005)
  void ask(2, 3)
  void ask(4)
  void ask(5, 6) // Does not fit, and nobody goes past it.
  void ask(7)
  await loop.run()
  expect(model.calls.map(({ rows }) => rows)).toEqual([[1], [2, 3, 4], [5, 6, 7]])
  expect(done).toEqual([2, 3, 4, 5, 6, 7, 8])
  expect(series('modelwatch_batches_total{model="demo",revision="v1",reason="alone"}')).toBe('1')
})

test('a request larger than a call is cut, its pieces run side by side, and those behind it share the last', async () => {
  const loop = new SimulatedLoop()
  const model = new CostlyModel(loop, { ...busy, concurrency: 2 })
  const { batcher, series } = createTestBatcher(model, { batchRowsMax: 4 }, loop)
  const large = batcher.predict(numbers(1, 2, 3, 4, 5, 6, 7, 8, 9))
  const small = batcher.predict(numbers(20))
  await loop.run()
  expect(valuesOf(await large)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(valuesOf(await small)).toEqual([21])
  expect(model.calls.map(({ rows }) => rows)).toEqual([
    [1, 2, 3, 4],
    [5, 6, 7, 8],
    [9, 20],
  ])
  expect(model.calls.map(({ startMs }) => Math.floor(startMs))).toEqual([1000, 1000, 1010])
  expect(series('modelwatch_batches_total{model="demo",revision="v1",reason="full"}')).toBe('2')
})

test('where the time went is told, and adds up', async () => {
  const loop = new SimulatedLoop()
  const { batcher } = createTestBatcher(new CostlyModel(loop, busy), {}, loop)
  const first = batcher.predict(numbers(1))
  await loop.run(1004)
  const second = batcher.predict(numbers(2))
  await loop.run()
  expect(await first).toMatchObject({ queueMs: 0, batchMs: expect.closeTo(0.01), computeMs: expect.closeTo(10) })
  expect(await second).toMatchObject({ queueMs: expect.closeTo(6.01), batchMs: expect.closeTo(0.01), computeMs: expect.closeTo(10) })
})

test('a bad row fails alone, in a few calls', async () => {
  const loop = new SimulatedLoop()
  const fault = (rows: readonly number[]) => (rows.includes(13) ? new Error('unlucky') : undefined)
  const model = new CostlyModel(loop, { ...cheap, fault })
  const { batcher, series } = createTestBatcher(model, {}, loop)
  const answers = Array.from({ length: 64 }, (_, i) => codeOf(batcher.predict(numbers(i))))
  await loop.run()
  const codes = await Promise.all(answers)
  expect(codes.flatMap((code, i) => (code === 'answered' ? [] : [[i, code]]))).toEqual([[13, 'MW_MODEL_FAILED']])
  // 64, then two halves each of 64, 32, 16 and 8 rows, then the last four one by one.
  expect(model.calls.length).toBe(1 + 2 * 4 + 4)
  expect(series('modelwatch_batches_total{model="demo",revision="v1",reason="retried"}')).toBe('12')
})

test.for([
  { why: 'kills its thread', code: 'MW_MODEL_DIED' as const },
  { why: 'takes for ever', code: 'MW_MODEL_TIMEOUT' as const },
])('a row that $why does so twice: with its batch, and alone', async ({ code }) => {
  const loop = new SimulatedLoop()
  const fault = (rows: readonly number[]) => (rows.includes(13) ? lost(code) : undefined)
  const model = new CostlyModel(loop, { ...cheap, fault })
  const { batcher } = createTestBatcher(model, {}, loop)
  const answers = Array.from({ length: 20 }, (_, i) => codeOf(batcher.predict(numbers(i))))
  await loop.run()
  const codes = await Promise.all(answers)
  expect(codes.flatMap((found, i) => (found === 'answered' ? [] : [[i, found]]))).toEqual([[13, code]])
  expect(model.calls.filter(({ rows }) => rows.includes(13)).length).toBe(2)
})

test('a model that dies of everything is not given each request of a batch', async () => {
  const loop = new SimulatedLoop()
  const model = new CostlyModel(loop, { ...cheap, fault: () => lost('MW_MODEL_DIED') })
  const { batcher } = createTestBatcher(model, {}, loop)
  const answers = Array.from({ length: 50 }, (_, i) => codeOf(batcher.predict(numbers(i))))
  await loop.run()
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['MW_MODEL_DIED']))
  expect(model.calls.length).toBe(4)
})

test('a model that is not reached is not asked again for each row', async () => {
  const loop = new SimulatedLoop()
  const down = new ModelwatchError('MW_MODEL_DOWN', { kind: 'unavailable', retryable: true, hint: '' }, 'no answer')
  const model = new CostlyModel(loop, { ...cheap, fault: () => down })
  const { batcher } = createTestBatcher(model, {}, loop)
  const answers = [1, 2, 3].map((i) => codeOf(batcher.predict(numbers(i))))
  await loop.run()
  expect(await Promise.all(answers)).toEqual(['MW_MODEL_DOWN', 'MW_MODEL_DOWN', 'MW_MODEL_DOWN'])
  expect(model.calls.length).toBe(1)
})

test('a model whose calls have effects sees no row twice; its calls are not shared, so that a bad row fails alone there too', async () => {
  const loop = new SimulatedLoop()
  const fault = (rows: readonly number[]) => (rows.includes(2) ? new Error('half done') : undefined)
  const model = Object.assign(new CostlyModel(loop, { ...busy, fault }), { repeatable: false })
  const { batcher } = createTestBatcher(model, { batchRowsMax: 3 }, loop)
  const answers = [numbers(1), numbers(2, 3), numbers(4, 5, 6, 7), numbers(8)].map((columns) => codeOf(batcher.predict(columns)))
  await loop.run()
  expect(await Promise.all(answers)).toEqual(['answered', 'MW_MODEL_FAILED', 'answered', 'answered'])
  expect(model.calls.map(({ rows }) => rows)).toEqual([[1], [2, 3], [4, 5, 6], [7], [8]])
})

test('where calls are not shared, a wait is as long as all those before', async () => {
  const loop = new SimulatedLoop()
  const model = Object.assign(new CostlyModel(loop, busy), { repeatable: false })
  const { batcher } = createTestBatcher(model, {}, loop)
  await Promise.all([batcher.predict(numbers(1)), loop.run()]) // Now it knows that a call takes 10 ms.
  const answers = [1, 2, 3, 4, 5].map((i) => batcher.predict(numbers(i)))
  await loop.run(loop.now() + 1) // One is under way, four wait.
  expect(batcher.expectedWaitMs()).toBeGreaterThan(35)
  expect(await codeOf(batcher.predict(numbers(6), { deadlineMs: loop.now() + 30 }))).toBe('MW_GATEWAY_BUSY')
  await Promise.all([...answers, loop.run()])
})

test('an answer of the wrong length is an error, not a neighbour’s value', async () => {
  const model: LoadedModel = { concurrency: 1, threads: undefined, predict: async () => [new Float64Array(1)], unload: async () => {} }
  const { batcher } = createTestBatcher(model)
  const codes = await Promise.all([codeOf(batcher.predict(numbers(1, 2))), codeOf(batcher.predict(numbers(3)))])
  expect(codes).toEqual(['MW_MODEL_FAILED', 'answered']) // Together one value for three rows; the second, by itself, one for one.
})

test('whoever has gone, or whose time is up, costs no call', async () => {
  const loop = new SimulatedLoop()
  const model = new CostlyModel(loop, busy)
  const { batcher, series } = createTestBatcher(model, {}, loop)
  const first = batcher.predict(numbers(1))
  await loop.run(1001)
  const signal = { aborted: false }
  const gone = codeOf(batcher.predict(numbers(2), { signal }))
  let expiredMs = 0
  const expired = codeOf(batcher.predict(numbers(3), { deadlineMs: 1006 })).finally(() => {
    expiredMs = loop.now()
  })
  const patient = batcher.predict(numbers(4), { deadlineMs: 2000 })
  signal.aborted = true
  await loop.run()
  expect([await gone, await expired]).toEqual(['MW_PREDICTION_CANCELLED', 'MW_DEADLINE_EXCEEDED'])
  expect(expiredMs).toBeCloseTo(1006, 0) // At once, though the model is still busy.
  expect([valuesOf(await first), valuesOf(await patient)]).toEqual([[2], [5]])
  expect(model.calls.map(({ rows }) => rows)).toEqual([[1], [4]])
  expect(series('modelwatch_predictions_shed_total{model="demo",revision="v1",reason="expired"}')).toBe('1')
  expect(series('modelwatch_predictions_shed_total{model="demo",revision="v1",reason="cancelled"}')).toBe('1')
})

test('a deadline is kept while the model is at it, and handed down when everybody in the call has one', async () => {
  const loop = new SimulatedLoop()
  const told: (number | undefined)[] = []
  const model = new CostlyModel(loop, busy)
  const predict = model.predict.bind(model)
  model.predict = (columns: Columns, options?: PredictOptions) => {
    told.push(options?.deadlineMs)
    return predict(columns)
  }
  const { batcher } = createTestBatcher(model, {}, loop)
  const late = codeOf(batcher.predict(numbers(1), { deadlineMs: 1004 }))
  const later = codeOf(batcher.predict(numbers(2), { deadlineMs: 1030 }))
  await loop.run(1006)
  expect(await late).toBe('MW_DEADLINE_EXCEEDED')
  void batcher.predict(numbers(3))
  void batcher.predict(numbers(4), { deadlineMs: 1040 })
  await loop.run()
  expect(await later).toBe('answered')
  expect(told).toEqual([1030, undefined])
})

test('rows that wait are bounded, and who is refused is told when to come back', async () => {
  const loop = new SimulatedLoop()
  const model = new CostlyModel(loop, busy)
  const { batcher, series } = createTestBatcher(model, { rowsWaitingMax: 3, batchRowsMax: 2 }, loop)
  void batcher.predict(numbers(0))
  await loop.run() // Learns what a call takes.
  void batcher.predict(numbers(1))
  await loop.run(loop.now() + 1)
  void batcher.predict(numbers(2, 3))
  const refused = await batcher.predict(numbers(4, 5)).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'MW_GATEWAY_BUSY', message: '2 rows wait already; at most 3 may' })
  expect((refused as { retryAfterMs: number }).retryAfterMs).toBeCloseTo(9 + 10, 0) // The rest of the first call, and the second.
  expect(series('modelwatch_predictions_shed_total{model="demo",revision="v1",reason="rows"}')).toBe('1')
  expect(series('modelwatch_rows_waiting')).toBe('2')
  expect(Number(series('modelwatch_expected_wait_seconds'))).toBeCloseTo(0.019, 3)
  expect(Number(series('modelwatch_batch_cost_seconds{model="demo",revision="v1",part="fixed"}'))).toBeCloseTo(0.01, 5)
  await loop.run()
})

test('who would wait too long, or beyond the deadline, is refused at once; nothing ahead, nobody is', async () => {
  const loop = new SimulatedLoop()
  const model = new CostlyModel(loop, { fixedMs: 100, rowMs: 0 })
  const { batcher } = createTestBatcher(model, { waitMaxMs: 150, batchRowsMax: 1 }, loop)
  void batcher.predict(numbers(0))
  await loop.run()
  const unlikely = codeOf(batcher.predict(numbers(1), { deadlineMs: loop.now() + 50 }))
  await loop.run(loop.now() + 1)
  expect(await codeOf(batcher.predict(numbers(2), { deadlineMs: loop.now() + 150 }))).toBe('MW_GATEWAY_BUSY')
  void batcher.predict(numbers(3))
  expect(await codeOf(batcher.predict(numbers(4)))).toBe('MW_GATEWAY_BUSY')
  expect(await codeOf(batcher.predict(numbers(5), { deadlineMs: loop.now() - 1 }))).toBe('MW_DEADLINE_EXCEEDED')
  const patient = codeOf(batcher.predict(numbers(6), { isPatient: true }))
  await loop.run()
  expect(await patient).toBe('answered')
  expect(await unlikely).toBe('MW_DEADLINE_EXCEEDED') // Tried, for the model might have become faster.
})

test('close waits for what is there, sends it at once, and takes no more', async () => {
  const loop = new SimulatedLoop()
  const model = new CostlyModel(loop, busy)
  const { batcher, series } = createTestBatcher(model, {}, loop)
  void batcher.predict(numbers(1))
  await loop.run(1001)
  const answer = batcher.predict(numbers(2))
  let closed = false
  void batcher.close().then(() => {
    closed = true
  })
  expect(await codeOf(batcher.predict(numbers(3)))).toBe('MW_GATEWAY_STOPPING')
  await loop.run(1015)
  expect(closed).toBe(false)
  await loop.run()
  expect(closed).toBe(true)
  expect(valuesOf(await answer)).toEqual([3])
  expect(series('modelwatch_batches_total{model="demo",revision="v1",reason="drained"}')).toBe('1')
  await batcher.close()
})

test('close ends also when those who waited gave up', async () => {
  const loop = new SimulatedLoop()
  const { batcher } = createTestBatcher(new CostlyModel(loop, busy), {}, loop)
  void batcher.predict(numbers(1))
  await loop.run(1001)
  const gone = codeOf(batcher.predict(numbers(2), { deadlineMs: 1005 }))
  const closed = batcher.close()
  await loop.run()
  await closed
  expect(await gone).toBe('MW_DEADLINE_EXCEEDED')
})

test('who waits for others does not miss a deadline for it', async () => {
  const loop = new SimulatedLoop()
  const model = new CostlyModel(loop, { fixedMs: 8, rowMs: 0 })
  const { batcher, series } = createTestBatcher(model, {}, loop)
  const deadlines = () => Number(series('modelwatch_batches_total{model="demo",revision="v1",reason="deadline"}'))
  let leftMs: number | undefined
  let clients = 4
  const client = async (index: number) => {
    while (index < clients) {
      await loop.sleep(0.4)
      await batcher.predict(numbers(1), { deadlineMs: leftMs === undefined ? undefined : loop.now() + leftMs }).catch(() => {}) // Too tight for the model as it is.
    }
  }
  for (let c = 0; c < 4; c++) void client(c)
  await loop.run(loop.now() + 300) // They learn to go together.
  expect(model.calls.at(-1)!.rows.length).toBe(4)
  expect(deadlines()).toBe(0)
  leftMs = 2 * 8 + 0.9 // Leaves 0.9 ms, should the call take twice its time.
  clients = 3 // One does not come back; its fellows would wait for it, 2 ms after the last answer and 1.6 after they came.
  await loop.run(loop.now() + 20)
  expect(deadlines()).toBeGreaterThan(0)
  clients = 0
  await loop.run()
})
