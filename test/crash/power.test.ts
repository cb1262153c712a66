import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toLabels } from '../../src/core/labels.ts'
import { createRandom } from '../../src/core/random.ts'
import { openStore } from '../../src/plane/store/store.ts'
import { readColumns } from '../../src/plane/store/testing.ts'
import { PowerModel } from './power.ts'

const seed = Number(process.env.MODELWATCH_SEED ?? Date.now() % 1_000_000)
const losses = Number(process.env.MODELWATCH_POWER_LOSSES ?? 12)
const baseMs = 1_700_000_000_000
const stepMs = 1000
/** So small that a flush and a compaction come every few commits. */
const config = {
  blockRangeMs: 20_000,
  retentionMs: 1e15,
  walBytesMax: 20_000,
  maintenanceIntervalMs: 5,
}
const deps = { clock: { now: () => Number.MAX_SAFE_INTEGER } }
const series = [0, 1, 2].map((i) => toLabels({ __name__: 'power', i: String(i) }))
const sampleOf = (i: number, step: number) => Math.sqrt(step * 3 + i)

let parent = ''
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'modelwatch-power-'))
})
afterEach(() => rm(parent, { recursive: true, force: true }))

/** How many steps every series has, without a gap and each with its value. */
async function stepsIn(path: string): Promise<number> {
  const store = await openStore({ ...config, path, maintenanceIntervalMs: 2 ** 30 }, deps)
  try {
    expect(store.stats().disk?.damages).toBe(0)
    const found = await readColumns(store, [{ name: '__name__', op: '=', value: 'power' }])
    for (const { labels, timesMs, values } of found) {
      const i = series.findIndex((one) => one[1]![1] === labels[1]![1])
      expect([...timesMs]).toEqual(Array.from(timesMs, (_, step) => baseMs + step * stepMs))
      expect([...values]).toEqual(Array.from(values, (_, step) => sampleOf(i, step)))
    }
    return found.length < series.length ? 0 : Math.min(...found.map(({ timesMs }) => timesMs.length))
  } finally {
    await store.close()
  }
}

interface Life {
  readonly path: string
  readonly image: string
  readonly fsyncIntervalMs: number
  /** Steps that are there. */
  readonly from: number
  readonly lifeMs: number
  /** What was acknowledged so long before the end must be there. */
  readonly graceMs: number
}

/** Writes until the power goes. @returns how many steps the image must have, and what the store did. */
async function live({ path, image, fsyncIntervalMs, from, lifeMs, graceMs }: Life) {
  const power = new PowerModel(path)
  try {
    const store = await openStore({ ...config, path, fsyncIntervalMs }, deps)
    const endMs = performance.now() + lifeMs
    let step = from
    let safe = from
    while (performance.now() < endMs) {
      const appender = store.appender()
      for (const [i, labels] of series.entries()) appender.append(0, labels, baseMs + step * stepMs, sampleOf(i, step))
      await appender.commit()
      step++
      if (performance.now() < endMs - graceMs) safe = step
      await setImmediate()
    }
    power.writeImage(image)
    const { flushes, checkpoints } = store.stats().disk!
    await store.close()
    return { safe: graceMs === 0 ? step : safe, written: step, flushes, checkpoints }
  } finally {
    power.end()
  }
}

test(`${losses} losses of power take nothing that was acknowledged when every write is synced first`, { timeout: 120_000 }, async () => {
  const random = createRandom(seed)
  let from = 0
  let flushes = 0
  for (let loss = 0; loss < losses; loss++) {
    const path = join(parent, `life-${loss}`)
    const image = join(parent, `life-${loss + 1}`)
    const life = await live({ path, image, fsyncIntervalMs: 0, from, lifeMs: 50 + random() * 300, graceMs: 0 })
    flushes += life.flushes
    from = await stepsIn(image)
    expect(from, `seed ${seed}, loss ${loss}`).toBeGreaterThanOrEqual(life.safe)
  }
  expect(flushes).toBeGreaterThan(losses / 4)
})

test('a loss of power takes what the last interval brought, and no more', { timeout: 60_000 }, async () => {
  const image = join(parent, 'after')
  const life = await live({ path: join(parent, 'before'), image, fsyncIntervalMs: 50, from: 0, lifeMs: 1800, graceMs: 1500 })
  const steps = await stepsIn(image)
  expect(life.safe).toBeGreaterThan(0)
  expect(steps).toBeGreaterThanOrEqual(life.safe)
  expect(steps).toBeLessThanOrEqual(life.written)
})
