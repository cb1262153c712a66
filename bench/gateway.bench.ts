// One-row predictions through the gateway with everything on (validation, model, bins, labels' memory, metrics), beside a bare Fastify route
// with the same schema and no model. Both run at once on one core, the client on the other; rounds alternate, medians are told.
import { join } from 'node:path'
import { startServer } from './support/server.ts'
import { hasWrk, type LoadResult, load, median, onCore } from './support/wrk.ts'

const root = join(import.meta.dirname, '..')
const body = JSON.stringify({ precipitation: 0, temp_max: 12.8, temp_min: 5, wind: 4.7, weather: 'drizzle', day_of_year: 1 })
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const seconds = Number(process.env.BENCH_SECONDS ?? 4)

if (!hasWrk()) {
  console.error('needs wrk; on Debian: apt-get install wrk')
  process.exit(1)
}

const bare = await startServer(onCore(0, [process.execPath, join(import.meta.dirname, 'support/bare-route.ts')]))
const gateway = await startServer(
  onCore(0, [process.execPath, join(root, 'bin/modelwatch.js'), 'serve', join(root, 'examples/weather'), '--listen', '127.0.0.1:0']),
)
try {
  console.log(`gateway beside a bare Fastify route: one row a request, ${rounds} rounds of ${seconds} s each, alternating\n`)
  console.log('connections  server   requests/s   p50 ms   p99 ms   errors')
  for (const connections of [16, 64]) {
    const results: Record<'bare' | 'gateway', LoadResult[]> = { bare: [], gateway: [] }
    for (let round = -1; round < rounds; round++) {
      for (const [name, { url }] of [
        ['bare', bare],
        ['gateway', gateway],
      ] as const) {
        const result = await load(`${url}/v1/models/weather/predict`, body, { connections, seconds: round < 0 ? 2 : seconds })
        if (round >= 0) results[name].push(result) // The first round only warms up.
      }
    }
    const of = (name: 'bare' | 'gateway', key: keyof LoadResult) => median(results[name].map((result) => result[key]))
    for (const name of ['bare', 'gateway'] as const) {
      const figures = [
        of(name, 'requestsPerSecond').toFixed(0).padStart(12),
        of(name, 'p50Ms').toFixed(2).padStart(8),
        of(name, 'p99Ms').toFixed(2).padStart(8),
      ]
      console.log(`${String(connections).padStart(11)}  ${name.padEnd(7)} ${figures.join(' ')} ${String(of(name, 'errors')).padStart(8)}`)
    }
    const ratio = of('gateway', 'requestsPerSecond') / of('bare', 'requestsPerSecond')
    console.log(`${' '.repeat(11)}  gateway / bare: ${(ratio * 100).toFixed(0)} % of the throughput\n`)
  }
} finally {
  await Promise.all([bare.stop(), gateway.stop()])
}
