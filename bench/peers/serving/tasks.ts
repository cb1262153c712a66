import { rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Pool, request } from 'undici'
import { type BenchServer, startServer } from '../../support/server.ts'
import { load, median } from '../../support/wrk.ts'
import type { Report } from '../lib/report.ts'
import type { Rounds } from './predictions.ts'
import { fastapiEnvs, fastapiPorts, startFastapi } from './subjects.ts'
import type { Wine } from './wine.ts'

const SUBMIT_CONNECTIONS = 16
const DRAIN_MS_MAX = 120_000
/** As before the predictions: programs that compile as they go are measured as they run for long. */
const WARM_UP_SECONDS = 2
const command = join(import.meta.dirname, '../../../bin/modelwatch.js')
const POLL_MS = 50

/** A way to have predictions made later. */
interface TaskSubject {
  readonly name: string
  /** How many tasks a lone client waits for, one after the other, and how long it pauses at most between them. */
  readonly idle: { readonly tasks: number; readonly pauseMsMax: number }
  start(): Promise<RunningTasks>
}

interface RunningTasks {
  readonly submitUrl: string
  /** Accepted and not yet done. */
  unfinished(): Promise<number>
  /** Accepted since the start. */
  accepted(): Promise<number>
  /** Submits one and waits for its result, as a client of this server does. */
  once(): Promise<void>
  stop(): Promise<void>
}

interface Figures {
  readonly submitted: number[]
  readonly completed: number[]
  readonly idleMs: number[]
}

/** Submissions acknowledged, tasks completed from the first submission to the last result, and the wait for one task when there is nothing else to do. */
export async function measureTasks(wine: Wine, { rounds, seconds }: Rounds, report: Report): Promise<void> {
  const body = JSON.stringify(wine.rows[0])
  const subjects: TaskSubject[] = [
    peer('FastAPI stack as it comes', fastapiEnvs.plain, body),
    peer('FastAPI stack tuned (2 workers, 1 thread)', fastapiEnvs.tuned, body),
    ours('modelwatch, one process', wine, body, false),
    ours('modelwatch, a gateway and a worker', wine, body, true),
  ]
  const figures = new Map<string, Figures>(subjects.map(({ name }) => [name, { submitted: [], completed: [], idleMs: [] }]))
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) {
      console.log(`round ${round + 1} of ${rounds}: tasks, ${subject.name}`)
      await measure(subject, body, seconds, figures.get(subject.name)!)
    }
  }
  const widths = [42, 14, 14, 12, 12]
  report.line(
    '\ntasks: one row each, submitted by 16 connections; done tasks from the first submission to the last result; servers on both cores, client on core 1\n',
  )
  report.row(['server', 'submitted/s', 'completed/s', 'idle p50 ms', 'idle p99 ms'], widths)
  for (const [name, { submitted, completed, idleMs }] of figures) {
    const sorted = [...idleMs].sort((a, b) => a - b)
    const p99 = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))]!
    report.row([name, median(submitted).toFixed(0), median(completed).toFixed(0), median(idleMs).toFixed(2), p99.toFixed(2)], widths)
  }
  const [plain, , together] = [...figures.values()] as [Figures, Figures, Figures]
  const ratio = (key: 'submitted' | 'completed') => (median(together[key]) / median(plain[key])).toFixed(1)
  report.line('\nmodelwatch in one process, beside the stack as it comes')
  report.line(`  ${ratio('submitted')} times the submissions acknowledged, on disk here and in memory there (bar 4)`)
  report.line(`  ${ratio('completed')} times the tasks completed (bar 30)`)
  report.line(`  ${median(together.idleMs).toFixed(2)} ms from submission to result, idle (bar 5)`)
}

async function measure(subject: TaskSubject, body: string, seconds: number, figures: Figures): Promise<void> {
  const running = await subject.start()
  try {
    for (let i = 0; i < 3; i++) await running.once()
    for (let i = 0; i < subject.idle.tasks; i++) {
      await pause(Math.random() * subject.idle.pauseMsMax) // The peer looks once a second: at no time of that second more than at another.
      const startMs = performance.now()
      await running.once()
      figures.idleMs.push(performance.now() - startMs)
    }
    await load(running.submitUrl, body, { connections: SUBMIT_CONNECTIONS, seconds: WARM_UP_SECONDS })
    await drain(running, subject.name)
    const before = await running.accepted()
    const startMs = performance.now()
    const { requestsPerSecond, errors } = await load(running.submitUrl, body, { connections: SUBMIT_CONNECTIONS, seconds })
    if (errors > 0) throw new Error(`${running.submitUrl}: ${errors} submissions were not answered 2xx`)
    figures.submitted.push(requestsPerSecond)
    await drain(running, subject.name)
    figures.completed.push((((await running.accepted()) - before) * 1000) / (performance.now() - startMs))
  } finally {
    await running.stop()
  }
}

async function drain(running: RunningTasks, name: string): Promise<void> {
  const startMs = performance.now()
  while ((await running.unfinished()) > 0) {
    if (performance.now() - startMs > DRAIN_MS_MAX) throw new Error(`${name}: tasks are not done after ${DRAIN_MS_MAX} ms`)
    await pause(POLL_MS)
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const headers = { 'content-type': 'application/json' }

/** A client asks as often as it likes; when a result is there is up to the batch server. */
function peer(name: string, env: Readonly<Record<string, string>>, body: string): TaskSubject {
  return {
    name,
    idle: { tasks: 8, pauseMsMax: 1000 },
    async start() {
      const program = await startFastapi(env)
      const pool = new Pool(`http://127.0.0.1:${fastapiPorts.jobs}`)
      // Each job is an input, and when it is done an output; the list is there while anything waits.
      const keys = async () => (await redis('DBSIZE')) - ((await redis('LLEN job_id')) > 0 ? 1 : 0)
      return {
        submitUrl: `http://127.0.0.1:${fastapiPorts.jobs}/start_job`,
        async unfinished() {
          const waiting = await redis('LLEN job_id')
          return waiting > 0 ? waiting : (await redis('DBSIZE')) % 2
        },
        accepted: async () => Math.ceil((await keys()) / 2),
        async once() {
          const submitted = await pool.request({ path: '/start_job', method: 'POST', headers, body })
          const { job_id } = (await submitted.body.json()) as { job_id: string }
          for (;;) {
            const answer = await pool.request({ path: `/get_job/${job_id}`, method: 'GET' })
            if (((await answer.body.json()) as { status: string }).status === 'done') return
            await pause(5)
          }
        },
        async stop() {
          await pool.close()
          await program.stop()
        },
      }
    },
  }
}

/** @returns the number that the peer's Redis answers a command with. */
function redis(command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: fastapiPorts.redis, host: '127.0.0.1' })
    let text = ''
    socket.once('error', reject)
    socket.on('data', (piece) => {
      text += piece
      if (!text.endsWith('\r\n')) return
      socket.destroy()
      const count = /^:(\d+)\r\n$/.exec(text)?.[1]
      if (count === undefined) reject(new Error(`Redis answers ${command} with ${text.trim()}`))
      else resolve(Number(count))
    })
    socket.end(`${command}\r\n`)
  })
}

function ours(name: string, wine: Wine, body: string, apart: boolean): TaskSubject {
  return {
    name,
    idle: { tasks: 100, pauseMsMax: 10 },
    async start() {
      for (const file of ['queue.db', 'queue.db-wal', 'queue.db-shm', 'queue.db-bell', 'traffic.db'])
        await rm(join(wine.served, file), { force: true, recursive: true })
      const { servers, gateway } = await startOurs(wine, apart)
      const pool = new Pool(gateway.url)
      // Each process counts what went through its own hands.
      const count = async (outcome: string) => {
        const texts = await Promise.all(servers.map(({ url }) => request(`${url}/metrics`).then(({ body }) => body.text())))
        const lines = texts.join('\n').split('\n')
        const found = lines.filter((line) => line.startsWith('modelwatch_tasks_total{') && line.includes(`outcome="${outcome}"`))
        return found.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
      }
      return {
        submitUrl: `${gateway.url}/v1/models/wine/tasks`,
        unfinished: async () => (await count('submitted')) - (await count('done')),
        accepted: () => count('submitted'),
        async once() {
          const submitted = await pool.request({ path: '/v1/models/wine/tasks', method: 'POST', headers, body })
          const { href } = (await submitted.body.json()) as { href: string }
          const answer = await pool.request({ path: `${href}?wait=10s`, method: 'GET' })
          const { state } = (await answer.body.json()) as { state: string }
          if (state !== 'done') throw new Error(`${href} is ${state} after 10 s`)
        },
        async stop() {
          await pool.close()
          for (const server of [...servers].reverse()) await server.stop()
        },
      }
    },
  }
}

/** One process that does both; or a gateway, and a worker in a process of its own. */
async function startOurs(wine: Wine, apart: boolean): Promise<{ gateway: BenchServer; servers: BenchServer[] }> {
  const config = { queue: { url: 'sqlite:queue.db' }, work: { in_gateway: !apart } }
  await writeFile(join(wine.served, 'modelwatch.yaml'), JSON.stringify(config)) // JSON is YAML too.
  const role = (name: string) => startServer([process.execPath, command, name, wine.served, '--listen', '127.0.0.1:0'])
  const gateway = await role('serve')
  if (!apart) return { gateway, servers: [gateway] }
  try {
    return { gateway, servers: [gateway, await role('work')] }
  } catch (error) {
    await gateway.stop()
    throw error
  }
}
