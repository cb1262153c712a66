// What a series looks like: seeded, so that every run measures the same samples.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { randomFrom } from '../../src/plane/store/chunk/testing.ts'

export interface Shape {
  readonly name: string
  /** Series of this shape among those of one service in `shared/bench/plane.mjs`; 0: not in it. */
  readonly weight: number
  readonly series: readonly Series[]
}

export interface Series {
  readonly timesMs: Float64Array
  readonly values: Float64Array
}

const SAMPLES = 1440
const STEP_MS = 15_000
const START_MS = Date.UTC(2026, 10, 20, 8)

export function syntheticShapes(): Shape[] {
  const random = randomFrom(7)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const make = (name: string, weight: number, count: number, start: () => (value: number, i: number) => number, jitterMs = 0): Shape => ({
    name,
    weight,
    series: Array.from({ length: count }, () => {
      const next = start()
      const timesMs = Float64Array.from({ length: SAMPLES }, (_, i) => START_MS + i * STEP_MS + Math.floor(random() * jitterMs))
      const values = new Float64Array(SAMPLES)
      let value = 0
      for (let i = 0; i < SAMPLES; i++) values[i] = value = next(value, i)
      return { timesMs, values }
    }),
  })
  const stale = make('counter, a marker now and then', 0, 8, () => (value) => value + Math.floor(random() * 20))
  for (const { values } of stale.series) {
    const words = new Uint32Array(values.buffer)
    for (let i = 37; i < SAMPLES; i += 90) words.set([2, 0x7ff00000], 2 * i)
  }
  return [
    make('plane: bins of drift', 10, 40, () => {
      const rate = 1 + random() * 30
      return (value) => value + Math.floor(random() * rate)
    }),
    make('plane: buckets of latency', 12, 48, () => {
      const share = (1 + Math.floor(random() * 12)) / 12
      return (value) => value + Math.floor(Math.floor(random() * 200) * share)
    }),
    make('plane: depth of a queue', 1, 8, () => (value) => Math.max(0, Math.round(value + (random() - 0.5) * 20))),
    make('plane: percent, two decimals', 1, 8, () => (value) => Math.round((value * 0.98 + random() * 2) * 100) / 100),
    make('plane: seconds of CPU', 1, 8, () => (value) => value + Math.round(random() * 1500) / 1000),
    make('constant', 0, 8, () => () => 1),
    make('idle counter', 0, 8, () => (value) => value + (random() < 0.01 ? 1 : 0)),
    make('busy counter', 0, 8, () => (value) => value + Math.round(5000 + normal() * 300)),
    make('counter with resets', 0, 8, () => (value) => (random() < 0.01 ? 0 : value + Math.floor(random() * 100))),
    stale,
    make('counter, times with 20 ms jitter', 0, 8, () => (value) => value + Math.floor(random() * 20), 20),
    make('ticks of CPU (hundredths)', 0, 8, () => (value) => Math.round(value * 100 + 130 + random() * 40) / 100),
    make('sum of 50 durations, float64', 0, 8, () => (value) => {
      let sum = value
      for (let k = 0; k < 50; k++) sum += -Math.log(1 - random()) * 0.02
      return sum
    }),
    make('sum of 50 durations, microseconds', 0, 8, () => (value) => {
      let sum = value
      for (let k = 0; k < 50; k++) sum += Math.round(-Math.log(1 - random()) * 20_000) / 1e6
      return sum
    }),
    make('memory, pages of 4096', 0, 8, () => (value) => Math.max(1, Math.round((value || 3e8) / 4096 + normal() * 50)) * 4096),
    make('heap bytes', 0, 8, () => (value) => {
      const next = (value || 2e7) + Math.floor(random() * 3e5) * 8
      return next > 8e7 ? 2e7 : next
    }),
    make('noisy gauge, float64', 0, 8, () => () => 50 + normal() * 5),
    make('smooth gauge, float64', 0, 8, () => (_, i) => 20 + 5 * Math.sin(i / 200)),
    make('score, float32', 0, 8, () => () => Math.fround(random())),
    make(
      'latency, milliseconds with spikes',
      0,
      8,
      () => () => Math.round((-Math.log(1 - random()) * 20 + (random() < 0.02 ? 2000 : 0)) * 10) / 10,
    ),
    make('rule result, changes every 4th sample', 0, 8, () => (value, i) => (i % 4 === 0 ? random() * 10 : value)),
    make('time stamp of a start', 0, 8, () => () => 1763625600.123),
    make('percent by division', 0, 8, () => () => (Math.round(random() * 1000) / 1000) * 100),
  ]
}

/** Columns of the data sets beside this repository, one series each; none when they are not there. */
export function dataShapes(root: string): Shape[] {
  if (!existsSync(root)) return []
  return readdirSync(root)
    .sort()
    .map((name) => ({ name: `data: ${name}`, weight: 0, series: csvFiles(join(root, name)).flatMap(numericColumns) }))
    .filter(({ series }) => series.length > 0)
}

function csvFiles(path: string): string[] {
  if (statSync(path).isFile()) return path.endsWith('.csv') ? [path] : []
  return readdirSync(path).flatMap((name) => csvFiles(join(path, name)))
}

function numericColumns(file: string): Series[] {
  const rows = readFileSync(file, 'utf8')
    .split('\n')
    .slice(1, 5001)
    .map((line) => line.split(','))
  const columns: Series[] = []
  for (let column = 0; column < (rows[0]?.length ?? 0); column++) {
    const values = rows.map((row) => row[column]?.trim() ?? '').filter((cell) => cell !== '' && Number.isFinite(Number(cell)))
    if (values.length < rows.length * 0.9 || values.length < 120) continue
    columns.push({ timesMs: Float64Array.from(values, (_, i) => START_MS + i * 60_000), values: Float64Array.from(values, Number) })
  }
  return columns
}
