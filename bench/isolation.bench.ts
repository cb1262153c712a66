// What heavy queries cost everyone else: a monitor that scrapes a target every second and answers 20 small queries a second, first idle, then with
// one and with four queries of at least 20 s of work under way. Told are the small queries' latencies, how late scrapes come, and how long the
// cheapest request there is has to wait, which is how long the event loop was busy.
// BENCH_SECONDS (of each phase), BENCH_SERIES and BENCH_ONLY (a heavy query's name: that one alone, without a bound on its work) change what is run.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { encodeWriteRequest, snappyLiterals } from '../src/surfaces/api/remote-write/testing.ts'
import { startServer } from './support/server.ts'
import type { SteadyLoad, SteadyResult } from './support/steady-load.ts'

const seconds = Number(process.env.BENCH_SECONDS ?? 25)
const seriesCount = Number(process.env.BENCH_SERIES ?? 4000)
const only = process.env.BENCH_ONLY
const stepMs = 15_000
const samplesPerSeries = 480
const endMs = Math.floor(Date.now() / 1000) * 1000 - 5000
const startMs = endMs - (samplesPerSeries - 1) * stepMs
const smallQuery = 'sum(rate(small_total[5m]))'

const range = (query: string, step: number) => ({ query, start: String(startMs / 1000), end: String(endMs / 1000), step: String(step) })
const instant = (query: string) => ({ query, time: String(endMs / 1000) })
/** Each keeps the server busy in another way; one that ends is asked again. */
const heavyQueries: Readonly<Record<string, { readonly path: string; readonly form: Record<string, string> }>> = {
  // 24,000 million samples looked at: some 20 s and more of work.
  trend: { path: '/api/v1/query_range', form: range('max by (group) (predict_linear(load_total[1h], 600))', 1) },
  slopes: { path: '/api/v1/query_range', form: range('sum by (group) (deriv(load_total[50m]))', 1) },
  // Subqueries within subqueries, and many columns held at once.
  nested: {
    path: '/api/v1/query_range',
    form: range('max by (group) (stddev_over_time(avg_over_time(rate(load_total[5m])[10m:5s])[20m:5s]))', 2),
  },
  // Joins of every series, and labels made anew, at 3600 steps.
  joins: {
    path: '/api/v1/query',
    form: instant(
      'max_over_time((sum by (group) (label_replace(rate(load_total[2m]) / ignoring(x) load_total, "y", "$1", "id", "(.).*")))[2h:2s])',
    ),
  },
  quantiles: { path: '/api/v1/query_range', form: range('quantile by (group) (0.9, quantile_over_time(0.9, load_total[1h]))', 5) },
  // Five million points written as JSON.
  points: { path: '/api/v1/query_range', form: range('rate(load_total[5m])', 5) },
}

const dir = mkdtempSync(join(tmpdir(), 'modelwatch-isolation-'))
const arrivalsMs: number[] = []
const target = createServer((_, reply) => {
  arrivalsMs.push(performance.now())
  reply.setHeader('content-type', 'text/plain; version=0.0.4').end('beat_total 1\n')
}).listen(0, '127.0.0.1')
await once(target, 'listening')
writeFileSync(
  join(dir, 'prometheus.yml'),
  `scrape_configs:\n  - job_name: beat\n    scrape_interval: 1s\n    static_configs:\n      - targets: ['127.0.0.1:${(target.address() as AddressInfo).port}']\n`,
)
const monitor = await startServer([
  process.execPath,
  ...(process.env.BENCH_FLAGS ?? '').split(' ').filter((flag) => flag !== ''),
  join(import.meta.dirname, '../bin/modelwatch.js'),
  ...['monitor', '--config.file', join(dir, 'prometheus.yml'), '--storage.path', join(dir, 'data')],
  ...['--web.listen-address', '127.0.0.1:0', '--web.enable-remote-write-receiver', '--query.timeout', '10m'],
])
const load = fork(join(import.meta.dirname, 'support/steady-load.ts'))
const agent = new Agent({ connections: 64, headersTimeout: 0, bodyTimeout: 0 })
try {
  await fill()
  console.log(`${seriesCount} series, ${(seriesCount * samplesPerSeries) / 1e6} million samples; ${seconds} s a phase; ms`)
  console.log(
    'under way                small: p50    p99    max    ratio of p99   loop: p50    p99    max   scrapes late: p99    max   missed',
  )
  await phase('(warming up)', [], 3)
  const idle = await phase('nothing', [], seconds)
  if (only !== undefined) await phase(only, [only], seconds, idle)
  else {
    await phase('one heavy query', ['trend'], seconds, idle)
    await phase('four heavy queries', ['trend', 'slopes', 'nested', 'joins'], seconds, idle)
    await phase('much to send', ['points'], seconds, idle)
  }
} finally {
  load.disconnect()
  await Promise.all([agent.destroy(), monitor.stop()])
  target.close()
  target.closeAllConnections()
  rmSync(dir, { recursive: true, force: true })
}

interface Measured {
  readonly p99: number
}

async function phase(name: string, heavy: readonly string[], lengthSeconds: number, idle?: Measured): Promise<Measured> {
  const over = new AbortController()
  const tookMs: Record<string, number[]> = {}
  const running = heavy.map(async (query) => {
    const { path, form } = heavyQueries[query]!
    while (!over.signal.aborted) {
      const began = performance.now()
      try {
        const reply = await request(`${monitor.url}${path}`, {
          ...{ method: 'POST', dispatcher: agent, signal: over.signal, body: new URLSearchParams(form).toString() },
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
        if (reply.statusCode === 200) await reply.body.dump({ limit: Number.MAX_SAFE_INTEGER })
        else console.log(`  ${query}: ${reply.statusCode} ${await reply.body.text()}`)
      } catch (error) {
        if (!over.signal.aborted) throw error
        return // It was still under way.
      }
      tookMs[query] = [...(tookMs[query] ?? []), performance.now() - began]
    }
  })
  const beganMs = performance.now()
  const arrivalsBefore = arrivalsMs.length
  const results = await ask(load, {
    url: monitor.url,
    seconds: lengthSeconds,
    streams: [
      { name: 'small', path: '/api/v1/query', form: instant(smallQuery), perSecond: 20 },
      { name: 'loop', path: '/-/healthy', perSecond: 50 },
    ],
  })
  over.abort()
  await Promise.all(running)
  const { small, loop } = results
  if (small === undefined || loop === undefined) throw new Error('the load told nothing')
  // Scrapes have a fixed place in each second; the earliest of all tells which.
  const phases = arrivalsMs.slice(1).map((ms) => ms % 1000)
  const place = middleOf(phases)
  const lateMs = arrivalsMs
    .slice(arrivalsBefore)
    .map((ms) => ((((ms - place + 500) % 1000) + 1000) % 1000) - 500)
    .sort((a, b) => a - b)
  const missed = Math.floor((performance.now() - beganMs) / 1000) - lateMs.length
  const figures = [at(small.latenciesMs, 0.5), at(small.latenciesMs, 0.99), at(small.latenciesMs, 1)]
  const loopFigures = [at(loop.latenciesMs, 0.5), at(loop.latenciesMs, 0.99), at(loop.latenciesMs, 1)]
  const show = (value: number, width: number) => value.toFixed(1).padStart(width)
  console.log(
    `${name.padEnd(24)} ${show(figures[0]!, 11)} ${show(figures[1]!, 6)} ${show(figures[2]!, 6)} ${show(figures[1]! / (idle?.p99 ?? figures[1]!), 15)}` +
      ` ${show(loopFigures[0]!, 11)} ${show(loopFigures[1]!, 6)} ${show(loopFigures[2]!, 6)}  ${show(at(lateMs, 0.99), 17)} ${show(at(lateMs, 1), 6)} ${String(Math.max(0, missed)).padStart(8)}` +
      `${small.errors + loop.errors > 0 ? `   ${small.errors + loop.errors} errors` : ''}`,
  )
  for (const [query, times] of Object.entries(tookMs))
    console.log(`  ${query} ended after ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`)
  return { p99: figures[1]! }
}

function ask(child: ChildProcess, what: SteadyLoad): Promise<SteadyResult> {
  const answer = once(child, 'message').then(([result]) => result as SteadyResult)
  child.send(what)
  return answer
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

/** The middle of times on a circle of a second. */
function middleOf(phases: readonly number[]): number {
  const first = phases[0] ?? 0
  const around = phases.map((ms) => ((ms - first + 1500) % 1000) - 500).sort((a, b) => a - b)
  return first + at(around, 0.5)
}

async function fill(): Promise<void> {
  const names = Array.from({ length: seriesCount }, (_, i) => [
    ['__name__', i < 100 ? 'small_total' : 'load_total'] as const,
    ['group', `g${i % 40}`] as const,
    ['id', String(i)] as const,
  ])
  const values = new Float64Array(seriesCount)
  for (let from = 0; from < samplesPerSeries; from += 40) {
    for (let at = 0; at < seriesCount; at += 500) {
      const series = names.slice(at, at + 500).map((labels, k) => ({
        labels,
        samples: Array.from({ length: Math.min(40, samplesPerSeries - from) }, (_, i) => {
          values[at + k]! += 1 + ((at + k + i) % 17)
          return [startMs + (from + i) * stepMs, values[at + k]!] as const
        }),
      }))
      const { statusCode, body } = await request(`${monitor.url}/api/v1/write`, {
        ...{ method: 'POST', dispatcher: agent, body: snappyLiterals(encodeWriteRequest(series)) },
        headers: {
          'content-type': 'application/x-protobuf',
          'content-encoding': 'snappy',
          'x-prometheus-remote-write-version': '0.1.0',
        },
      })
      if (statusCode !== 204) throw new Error(`remote write: ${statusCode} ${await body.text()}`)
      await body.dump()
    }
  }
}
