import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelwatchError } from '../../../../core/errors.ts'
import { CostlyModel, createTestBatcher, lost, numbers, SimulatedLoop } from './testing.ts'

/** Values by which the scripted model fails, and how. */
const BAD = -1
const DEADLY = -2

const request = fc.record({
  atMs: fc.nat({ max: 60 }),
  rows: fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 40 })),
  fate: fc.oneof(
    { weight: 12, arbitrary: fc.constant('good') },
    { weight: 2, arbitrary: fc.constant('bad') },
    { weight: 1, arbitrary: fc.constant('deadly') },
  ),
  deadlineMs: fc.option(fc.integer({ min: 1, max: 200 }), { nil: undefined }),
})

const scene = fc.record({
  requests: fc.array(request, { minLength: 1, maxLength: 60 }),
  concurrency: fc.integer({ min: 1, max: 4 }),
  batchRowsMax: fc.integer({ min: 1, max: 24 }),
  fixedMs: fc.double({ min: 0, max: 12, noNaN: true }),
  rowMs: fc.double({ min: 0, max: 1, noNaN: true }),
  repeatable: fc.boolean(),
})

test('whatever comes, each request is answered once, with what it would be answered alone, and first come is first served', async () => {
  await fc.assert(
    fc.asyncProperty(scene, async ({ requests, concurrency, batchRowsMax, fixedMs, rowMs, repeatable }) => {
      const loop = new SimulatedLoop()
      const fault = (rows: readonly number[]) => {
        if (rows.includes(DEADLY)) return lost('MW_MODEL_DIED')
        return rows.includes(BAD) ? new Error('bad row') : undefined
      }
      const model = Object.assign(new CostlyModel(loop, { fixedMs, rowMs, concurrency, fault }), { repeatable })
      const { batcher, series } = createTestBatcher(model, { batchRowsMax, waitMaxMs: 1e9, rowsWaitingMax: 1e6 }, loop)
      const sorted = [...requests].sort((a, b) => a.atMs - b.atMs)
      let next = 1
      const asked = sorted.map(({ atMs, rows, fate, deadlineMs }) => {
        const values = Array.from({ length: rows }, () => next++)
        if (fate !== 'good' && rows > 0) values[Math.floor(rows / 2)] = fate === 'bad' ? BAD : DEADLY
        return {
          atMs,
          values,
          isDoomed: fate !== 'good' && rows > 0,
          deadlineMs,
          ends: 0,
          refused: '',
          answer: undefined as number[] | undefined,
        }
      })
      for (const one of asked) {
        loop.after(one.atMs, () => {
          const options = one.deadlineMs === undefined ? undefined : { deadlineMs: loop.now() + one.deadlineMs }
          batcher.predict(numbers(...one.values), options).then(
            ({ outputs }) => {
              one.ends++
              one.answer = [...(outputs[0] as Float64Array)]
            },
            (error: unknown) => {
              one.ends++
              one.refused = error instanceof ModelwatchError ? error.code : String(error)
            },
          )
        })
      }
      await loop.run()
      await batcher.close()

      const losses = asked.filter(({ values }) => values.includes(DEADLY)).length
      for (const { values, isDoomed, deadlineMs, ends, refused, answer } of asked) {
        expect(ends).toBe(1)
        if (answer !== undefined) expect(answer).toEqual(values.map((value) => value + 1))
        if (isDoomed) expect(answer).toBe(undefined)
        // Only its own rows or its deadline fail a request, save where so many others were deadly that their kin was given up.
        else if (deadlineMs === undefined && (losses < 3 || !repeatable)) expect(refused).toBe('')
      }
      // Rows are sent for the first time in the order in which they came.
      const firsts: number[] = []
      const seen = new Set<number>()
      for (const { rows } of model.calls) {
        expect(rows.length).toBeLessThanOrEqual(batchRowsMax)
        for (const row of rows) {
          if (row > 0 && !seen.has(row)) {
            seen.add(row)
            firsts.push(row)
          }
        }
      }
      expect(firsts).toEqual([...firsts].sort((a, b) => a - b))
      // A deadly row is tried with its batch, in halves if a bad row was there too, and once by itself: never more than that.
      const deadlyTries = model.calls.filter(({ rows }) => rows.includes(DEADLY)).length
      expect(deadlyTries).toBeLessThanOrEqual(repeatable ? 2 * losses : losses)
      expect(series('modelwatch_rows_waiting')).toBe('0')
    }),
    { numRuns: 300, verbose: 1 }, // A failure prints its seed.
  )
}, 30_000)
