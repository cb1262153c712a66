/**
 * How long a start takes after a crash: two hours of log of 10,000 series, 15 s apart. Writes, ends without a clean stop, opens again.
 *
 *   node bench/store-start.bench.ts
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toLabels } from '../src/core/labels.ts'
import { openStore } from '../src/plane/store/index.ts'

const SERIES = 10_000
const STEPS = 480
// The log must hold everything: no checkpoint on the way.
const config = { walBytesMax: Number.POSITIVE_INFINITY, quietMs: Number.POSITIVE_INFINITY }

async function write(path: string): Promise<never> {
  const store = await openStore({ ...config, path })
  const labels = Array.from({ length: SERIES }, (_, i) =>
    toLabels({ __name__: `metric_${i % 100}`, instance: `10.0.0.${i % 50}:9100`, job: 'bench', id: String(i) }),
  )
  const refs = new Array<number>(SERIES).fill(0)
  const values = new Float64Array(SERIES)
  const startMs = Date.now() - STEPS * 15_000
  for (let step = 0; step < STEPS; step++) {
    const appender = store.appender()
    for (let i = 0; i < SERIES; i++) {
      values[i]! += i % 3 === 0 ? Math.random() : Math.floor(Math.random() * 100)
      refs[i] = appender.append(refs[i]!, labels[i]!, startMs + step * 15_000, values[i]!)
    }
    await appender.commit()
  }
  process.exit(0)
}

if (process.argv[2] !== undefined) await write(process.argv[2])
const path = mkdtempSync(join(tmpdir(), 'modelwatch-start-'))
try {
  spawnSync(process.execPath, [import.meta.filename, path], { stdio: 'inherit' })
  const startTick = performance.now()
  const store = await openStore({ ...config, path })
  const seconds = (performance.now() - startTick) / 1000
  const { samples, series, disk } = store.stats()
  console.log(`${samples} samples of ${series} series, ${(disk!.walBytes / 1e6).toFixed(1)} MB of log: open in ${seconds.toFixed(2)} s`)
  await store.close()
  const again = performance.now()
  await (await openStore({ ...config, path })).close()
  console.log(`after a clean stop: open and close in ${((performance.now() - again) / 1000).toFixed(2)} s`)
} finally {
  rmSync(path, { recursive: true, force: true })
}
