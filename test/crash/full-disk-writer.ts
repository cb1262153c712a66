/**
 * Fills the disk its folder stands on, by way of the store, makes room again, and goes on.
 *
 *   node full-disk-writer.ts FOLDER
 *
 * Prints what happened as one line of JSON; the test judges it.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ModelwatchError } from '../../src/core/errors.ts'
import { toLabels } from '../../src/core/labels.ts'
import { openStore, type TimeSeriesStore } from '../../src/plane/store/store.ts'
import { readColumns } from '../../src/plane/store/testing.ts'

const folder = process.argv[2]!
const ballast = join(folder, 'ballast')
const config = { path: join(folder, 'data'), maintenanceIntervalMs: 100, walBytesMax: 500_000, blockRangeMs: 600_000 }
const deps = { clock: { now: () => Number.MAX_SAFE_INTEGER } }
const labels = Array.from({ length: 50 }, (_, i) => toLabels({ __name__: 'm', i: String(i) }))

/** Steps of which each was acknowledged. */
let acknowledged = 0
let next = 0

/** One step of every series. @returns a promise of the acknowledgement. */
function commit(store: TimeSeriesStore): Promise<void> {
  const appender = store.appender()
  const step = next++
  // Numbers that do not compress, so that the disk fills.
  for (const [i, series] of labels.entries()) appender.append(0, series, step * 1000, Math.sqrt(step * 50 + i))
  return appender.commit().then(() => {
    acknowledged = Math.max(acknowledged, step + 1)
  })
}

async function samples(store: TimeSeriesStore): Promise<number> {
  return (await readColumns(store, [{ name: '__name__', op: '=', value: 'm' }])).reduce((sum, { timesMs }) => sum + timesMs.length, 0)
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + 20_000; !condition(); await delay(20))
    if (performance.now() > endMs) throw new Error(`not ${what} in time`)
}

let store = await openStore(config, deps)
for (let i = 0; i < 100; i++) await commit(store)

// Leaves about a mebibyte.
writeFileSync(ballast, Buffer.alloc(Number(process.argv[3]) - 1_500_000))
let waiting: Promise<void>[] = []
let refusal = ''
while (refusal === '') {
  try {
    const committed = commit(store)
    committed.catch((error: unknown) => {
      refusal = error instanceof ModelwatchError ? error.code : String(error)
    })
    waiting.push(committed)
    await Promise.race([committed, delay(50)])
  } catch {
    next-- // Refused: nothing was taken.
  }
  waiting = waiting.slice(-50)
}
const acknowledgedWhenFull = acknowledged
const reason = store.readOnlyReason
const samplesWhenFull = await samples(store)

rmSync(ballast)
await until(() => store.readOnlyReason === undefined, 'writable again')
await Promise.allSettled(waiting)
for (let i = 0; i < 100; i++) await commit(store)
await store.maintain()
await store.close()

store = await openStore(config, deps)
console.log(
  JSON.stringify({
    refusal,
    reason,
    acknowledgedWhenFull,
    samplesWhenFull,
    acknowledged,
    steps: next,
    samples: await samples(store),
    series: labels.length,
  }),
)
await store.close()
