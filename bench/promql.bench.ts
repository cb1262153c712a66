// The query engine alone, over a store in memory: what an ML service exposes (drift bins, latency buckets, gauges, seconds), 4000 series,
// 6 hours at 15 s, and the questions its dashboards and rules ask. Medians of milliseconds, by the clock and
// of processor time (which a busy machine changes less); the first rounds warm up.
// BENCH_SERIES, BENCH_ROUNDS, and BENCH_ONLY (part of a question's name) change what is run.
import { toLabels } from '../src/core/labels.ts'
import { createQueryEngine } from '../src/plane/promql/index.ts'
import { createMemoryStore } from '../src/plane/store/index.ts'

const seriesCount = Number(process.env.BENCH_SERIES ?? 4000)
const rounds = Number(process.env.BENCH_ROUNDS ?? 7)
const hours = Number(process.env.BENCH_HOURS ?? 6)
const only = process.env.BENCH_ONLY ?? ''
const stepMs = 15_000
const startMs = Date.UTC(2026, 0, 1)
const endMs = startMs + hours * 3_600_000

/** A small seeded generator. @see Steele and Vigna (2021), "Computationally easy, spectrally good multipliers", for the family. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 0x915f77f5) + 1) >>> 0
    return (state >>> 8) / 2 ** 24
  }
}

interface Source {
  readonly labels: ReturnType<typeof toLabels>
  next(value: number): number
}

function sources(): Source[] {
  const random = seeded(7)
  const found: Source[] = []
  const add = (record: Record<string, string>, next: Source['next']) => found.push({ labels: toLabels(record), next })
  const models = ['wine', 'bts', 'churn', 'fraud']
  const bounds = ['0.001', '0.0025', '0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '+Inf']
  for (let k = 0; found.length < seriesCount; k++) {
    const place = { model: models[k % 4]!, instance: `10.0.0.${(k >> 2) % 8}:8000` }
    const n = Math.floor(k / 32)
    for (let bin = 0; bin < 10; bin++) {
      const rate = 1 + random() * 30
      const labels = { __name__: 'ml_feature_bin_total', ...place, feature: `f${n}`, bin: String(bin), revision: String(1 + (n % 2)) }
      add(labels, (value) => value + Math.floor(random() * rate))
    }
    for (const [i, le] of bounds.entries()) {
      add({ __name__: 'ml_request_duration_seconds_bucket', ...place, handler: `/h${n}`, le }, (value) => value + (i + 1) * 8)
    }
    add({ __name__: 'ml_queue_depth', ...place, queue: `q${n}` }, (value) => Math.max(0, Math.round(value + (random() - 0.5) * 20)))
    add({ __name__: 'node_memory_used_percent', ...place, node: `n${n}` }, (value) => Math.round((value * 0.98 + random() * 2) * 100) / 100)
    add({ __name__: 'process_cpu_seconds_total', ...place, pid: `p${n}` }, (value) => value + Math.round(random() * 1500) / 1000)
  }
  return found.slice(0, seriesCount)
}

const median = (figures: number[]) => figures.sort((a, b) => a - b)[figures.length >> 1]!

const binsShare = (offset: string) =>
  `(sum by (model, feature, bin) (increase(ml_feature_bin_total[1h]${offset})) / on (model, feature) group_left ` +
  `sum by (model, feature) (increase(ml_feature_bin_total[1h]${offset})))`
const p99 = 'histogram_quantile(0.99, sum by (model, le) (rate(ml_request_duration_seconds_bucket[5m])))'

const questions: readonly (readonly [name: string, query: string, stepMs: number | undefined])[] = [
  ['instant: sum of rates', 'sum(rate(ml_feature_bin_total[5m]))', undefined],
  ['instant: p99 by model', p99, undefined],
  ['range: rate by model', 'sum by (model) (rate(ml_feature_bin_total[5m]))', 60_000],
  ['range: p99 by model', p99, 60_000],
  [
    'range: drift (PSI, the last hour against the hour before)',
    `sum by (model, feature) ((${binsShare('')} - ${binsShare(' offset 1h')}) * ln(${binsShare('')} / ${binsShare(' offset 1h')}))`,
    300_000,
  ],
  ['range: topk queues', 'topk(5, sum by (model, queue) (ml_queue_depth))', 60_000],
  [
    'range: moving average and deviation',
    'avg by (model) (avg_over_time(node_memory_used_percent[30m]) + 2 * stddev_over_time(node_memory_used_percent[30m]))',
    60_000,
  ],
  ['range: regex selector', 'sum(rate(ml_feature_bin_total{feature=~"f(1|3|5)", bin!~"[0-4]"}[5m]))', 60_000],
  ['range: raw gauge, every series', 'ml_queue_depth', 60_000],
  [
    'range: join of two metrics',
    'sum by (model) (ml_queue_depth) / on (model) sum by (model) (rate(process_cpu_seconds_total[5m]))',
    60_000,
  ],
]

const store = createMemoryStore({ retentionMs: Number.POSITIVE_INFINITY })
const all = sources()
const values = new Float64Array(all.length)
const refs = new Array<number>(all.length).fill(0)
for (let timeMs = startMs; timeMs <= endMs; timeMs += stepMs) {
  const appender = store.appender()
  for (const [i, { labels, next }] of all.entries()) {
    values[i] = next(values[i]!)
    refs[i] = appender.append(refs[i]!, labels, timeMs, values[i]!)
  }
  await appender.commit()
}
const engine = createQueryEngine({}, { reader: store })

console.log(`${all.length} series, ${hours} h at 15 s; median of ${rounds} rounds, ms: wall, CPU`)
for (const [name, query, step] of questions) {
  if (!name.includes(only)) continue
  const times: number[] = []
  const cpuTimes: number[] = []
  let size = 0
  for (let round = -2; round < rounds; round++) {
    const began = performance.now()
    const cpuBefore = process.cpuUsage()
    const { value } = step === undefined ? await engine.instant(query, endMs) : await engine.range(query, { startMs, endMs, stepMs: step })
    if (round >= 0) {
      times.push(performance.now() - began)
      const { user, system } = process.cpuUsage(cpuBefore)
      cpuTimes.push((user + system) / 1000)
    }
    size = value.kind === 'matrix' ? value.series.length : value.kind === 'vector' ? value.samples.length : 1
  }
  const [wall, cpu] = [median(times), median(cpuTimes)]
  console.log(`${name.padEnd(60)} ${wall.toFixed(2).padStart(9)} ${cpu.toFixed(2).padStart(9)}   ${size} series`)
}
await store.close()
