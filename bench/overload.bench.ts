// What the gateway still answers when more is asked than it can: goodput, what is refused, and how long the accepted wait, at multiples of
// the capacity that was measured first. Once with a model that computes for a millisecond a row, in a thread; once with the weather model,
// where HTTP is all the work. Server on one core, client on the other; arrivals do not wait for answers, and latency counts from the moment
// a request was due.
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OpenLoad, OpenResult } from './support/open-load.ts'
import { startServer } from './support/server.ts'
import { onCore } from './support/wrk.ts'

const root = join(import.meta.dirname, '..')
const seconds = Number(process.env.BENCH_SECONDS ?? 6)
const multiples = [0.5, 0.8, 1, 1.25, 1.5, 2, 3]
/** At twice the capacity. */
const GOODPUT_MIN = 0.9

interface Scene {
  readonly title: string
  readonly model: string
  readonly body: unknown
  readonly connections: number
  readonly patienceMs: number
  /** Longest p99 at twice the capacity. */
  readonly p99MsMax: number
  prepare(dir: string): void
}

const scenes: readonly Scene[] = [
  {
    title: 'a model that computes for 1 ms a row, in a thread; clients wait 250 ms',
    model: 'busy',
    body: { x: 1 },
    connections: 500,
    patienceMs: 250,
    p99MsMax: 300,
    prepare: writeBusyModel,
  },
  {
    title: 'the weather model, about 30 µs a request, most of it HTTP; clients wait 100 ms for a connection',
    model: 'weather',
    body: { precipitation: 0, temp_max: 12.8, temp_min: 5, wind: 4.7, weather: 'drizzle', day_of_year: 1 },
    connections: 128,
    patienceMs: 100,
    p99MsMax: 150,
    prepare: (dir) => cpSync(join(root, 'examples/weather/models'), join(dir, 'models'), { recursive: true }),
  },
]

/** Busy for a millisecond a row, whatever the machine; a batch saves nothing. */
function writeBusyModel(dir: string): void {
  const revision = join(dir, 'models/busy/revisions/v1')
  mkdirSync(revision, { recursive: true })
  const schema = ['name: busy', 'features:', '  - { name: x, type: number }', 'outputs:', '  - { name: y, kind: regression }']
  writeFileSync(join(dir, 'models/busy/model.yaml'), `${schema.join('\n')}\n`)
  const program = [
    'export default {',
    '  predict({ columns, rows }) {',
    '    const endMs = performance.now() + rows',
    '    while (performance.now() < endMs);',
    '    return { y: columns.x }',
    '  },',
    '}',
  ]
  writeFileSync(join(revision, 'predictor.ts'), `${program.join('\n')}\n`)
}

async function startClient() {
  const [program, ...args] = onCore(1, [process.execPath, join(import.meta.dirname, 'support/open-load.ts')])
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const ended = new Promise<never>((_, reject) => child.once('exit', (code) => reject(new Error(`the client ended with ${code}`))))
  ended.catch(() => {}) // It ends when it is stopped, too.
  return {
    run: (load: OpenLoad) => {
      const result = new Promise<OpenResult>((resolve) => child.once('message', resolve))
      child.send(load)
      return Promise.race([result, ended])
    },
    stop: () => child.disconnect(),
  }
}

const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`
const cells = (...values: readonly (string | number)[]) => console.log(values.map((value) => String(value).padStart(11)).join(''))

for (const { title, model, body, connections, patienceMs, p99MsMax, prepare } of scenes) {
  const dir = mkdtempSync(join(tmpdir(), 'overload-'))
  writeFileSync(join(dir, 'modelwatch.yaml'), 'serving: {}\n') // Everything as it comes.
  prepare(dir)
  const server = await startServer(onCore(0, [process.execPath, join(root, 'bin/modelwatch.js'), 'serve', dir, '--listen', '127.0.0.1:0']))
  const client = await startClient()
  try {
    const load = {
      url: server.url,
      path: `/v1/models/${model}/predict`,
      body: JSON.stringify(body),
      connections,
      patienceMs,
      seconds,
      seed: 1,
    }
    // Fewer connections than would be refused, each as fast as it is answered: all that the server can do.
    const full = await client.run({ ...load, perSecond: 0, connections: 64, warmUpSeconds: 3, patienceMs: 60_000 })
    console.log(`\n${title}\ncapacity ${full.goodput.toFixed(0)} requests/s with 64 connections (p99 ${full.p99Ms.toFixed(1)} ms)\n`)
    cells('load', 'offered/s', 'goodput/s', 'refused', 'late', 'gave up', 'p50 ms', 'p99 ms', 'client')
    const results = new Map<number, OpenResult>()
    for (const multiple of multiples) {
      const result = await client.run({ ...load, perSecond: full.goodput * multiple, warmUpSeconds: 2 })
      results.set(multiple, result)
      const { offered, goodput, refused, late, gaveUp, p50Ms, p99Ms, clientBusy } = result
      const shares = [refused, late, gaveUp, clientBusy].map(percent)
      cells(multiple, offered.toFixed(0), goodput.toFixed(0), ...shares.slice(0, 3), p50Ms.toFixed(1), p99Ms.toFixed(1), shares[3]!)
    }
    const peak = Math.max(...[...results.values()].map(({ goodput }) => goodput))
    const twice = results.get(2)!
    const isGood = twice.goodput >= GOODPUT_MIN * peak && twice.p99Ms <= p99MsMax
    console.log(
      `\nat twice the capacity: ${percent(twice.goodput / peak)} of the peak (bar ${percent(GOODPUT_MIN)}), p99 ${twice.p99Ms.toFixed(1)} ms (bar ${p99MsMax})`,
    )
    if (!isGood) process.exitCode = 1
  } finally {
    client.stop()
    await server.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}
