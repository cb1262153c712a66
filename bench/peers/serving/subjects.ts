import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { startServer } from '../../support/server.ts'
import { onCore } from '../../support/wrk.ts'
import { type RunningProgram, startProgram } from './process-tree.ts'
import type { Wine, WineRow } from './wine.ts'

/** A server under measurement. */
export interface Subject {
  readonly name: string
  /** `one`: the server on core 0, the client on core 1. `both`: the server wherever the system puts its processes, the client on core 1. */
  readonly cores: 'one' | 'both'
  /** False where no model answers. */
  readonly isModel: boolean
  start(): Promise<RunningSubject>
}

export interface RunningSubject {
  readonly oneRow: Endpoint
  /** Undefined where it has none. */
  readonly manyRows: Endpoint | undefined
  stop(): Promise<void>
}

export interface Endpoint {
  readonly url: string
  body(rows: readonly WineRow[]): string
  /** The predictions of an answer. */
  read(answer: never): readonly number[]
}

const root = join(import.meta.dirname, '../../..')
const command = join(root, 'bin/modelwatch.js')
const one = (rows: readonly WineRow[]) => JSON.stringify(rows[0])
/** Servers on one core gain nothing from threads; those that would start one for each processor are told so. */
const oneThread = { OMP_NUM_THREADS: '1' }

export const fastapiPorts = { redis: 6399, jobs: 5000, predict: 5001 }

/** The tutorials' stack, as `./run` starts it. Its ports are fixed. */
export async function startFastapi(env: Readonly<Record<string, string>>): Promise<RunningProgram> {
  for (const port of Object.values(fastapiPorts))
    if (await isTaken(port)) throw new Error(`the FastAPI stack needs port ${port}, and something listens there already`)
  const ready = [fastapiPorts.jobs, fastapiPorts.predict].map((port) => `http://127.0.0.1:${port}/health`)
  return startProgram({ command: ['bash', './run'], cwd: join(root, '../shared/peers/fastapi-stack'), env, ready })
}

function fastapi(name: string, env: Readonly<Record<string, string>>): Subject {
  return {
    name,
    cores: 'both',
    isModel: true,
    async start() {
      const program = await startFastapi(env)
      const url = `http://127.0.0.1:${fastapiPorts.predict}`
      return {
        oneRow: { url: `${url}/predict`, body: one, read: (answer: { quality: number }) => [answer.quality] },
        manyRows: { url: `${url}/predict_batch`, body: JSON.stringify, read: (answer: { quality: number[] }) => answer.quality },
        stop: program.stop,
      }
    },
  }
}

export const fastapiEnvs = { plain: {}, tuned: { WORKERS: '2', ...oneThread } }

/** Every server of the comparison, in the order of the table. */
export function subjectsOf(wine: Wine): Subject[] {
  return [
    fastapi('FastAPI stack as it comes', fastapiEnvs.plain),
    fastapi('FastAPI stack tuned (2 workers, 1 thread)', fastapiEnvs.tuned),
    { name: 'MLServer', cores: 'one', isModel: true, start: () => startMlserver(wine) },
    { name: 'BentoML', cores: 'one', isModel: true, start: () => startBentoml(wine) },
    {
      name: 'bare fastify route, no model',
      cores: 'one',
      isModel: false,
      start: () => startOurs([join(import.meta.dirname, 'bare-route.ts'), join(wine.served, 'models/wine')]),
    },
    { name: 'modelwatch', cores: 'one', isModel: true, start: () => startOurs([command, 'serve', wine.served, '--listen', '127.0.0.1:0']) },
  ]
}

/** The gateway as a program of the bench, which can leave the bookkeeping out. */
export const startGatewayProcess = (wine: Wine, bookkeeping: 'on' | 'off') =>
  startOurs([join(import.meta.dirname, 'gateway-process.ts'), wine.served, bookkeeping])

async function startOurs(args: readonly string[]): Promise<RunningSubject> {
  const server = await startServer(onCore(0, [process.execPath, ...args]))
  const url = `${server.url}/v1/models/wine/predict`
  type Answer = { outputs: { quality: number } }
  return {
    oneRow: { url, body: one, read: (answer: Answer) => [answer.outputs.quality] },
    manyRows: {
      url,
      body: (rows) => JSON.stringify({ rows }),
      read: (answer: { predictions: Answer[] }) => answer.predictions.map(({ outputs }) => outputs.quality),
    },
    stop: server.stop,
  }
}

/** One process, no worker of its own: with one, a message to it and back comes on top. */
async function startMlserver(wine: Wine): Promise<RunningSubject> {
  const [http, grpc, metrics] = [await freePort(), await freePort(), await freePort()]
  const dir = join(wine.dir, 'mlserver')
  mkdirSync(join(dir, 'wine'), { recursive: true })
  const settings = { host: '127.0.0.1', http_port: http, grpc_port: grpc, metrics_port: metrics, parallel_workers: 0, debug: false }
  writeFileSync(join(dir, 'settings.json'), JSON.stringify(settings))
  const model = { name: 'wine', implementation: 'mlserver_sklearn.SKLearnModel', parameters: { uri: wine.joblib } }
  writeFileSync(join(dir, 'wine/model-settings.json'), JSON.stringify(model))
  const program = await startProgram({
    command: onCore(0, [join(wine.mlserver.bin, 'mlserver'), 'start', dir]),
    cwd: dir,
    env: oneThread,
    ready: [`http://127.0.0.1:${http}/v2/models/wine/ready`],
  })
  // One tensor for all features, which is the least work for it; eleven named ones go through pandas.
  const endpoint: Endpoint = {
    url: `http://127.0.0.1:${http}/v2/models/wine/infer`,
    body: (rows) => {
      const data = rows.flatMap((row) => Object.values(row))
      return JSON.stringify({ inputs: [{ name: 'x', shape: [rows.length, data.length / rows.length], datatype: 'FP64', data }] })
    },
    read: (answer: { outputs: { data: number[] }[] }) => answer.outputs[0]!.data,
  }
  return { oneRow: endpoint, manyRows: endpoint, stop: program.stop }
}

async function startBentoml(wine: Wine): Promise<RunningSubject> {
  const port = await freePort()
  const service = ['serve', 'bento_service:WineService', '--host', '127.0.0.1', '--port', String(port)]
  const program = await startProgram({
    command: onCore(0, [join(wine.bentoml.bin, 'bentoml'), ...service]),
    cwd: import.meta.dirname,
    env: {
      ...oneThread,
      WINE_MODEL: wine.joblib,
      BENTOML_HOME: join(wine.dir, 'bentoml'),
      BENTOML_DO_NOT_TRACK: 'True',
      PYTHONDONTWRITEBYTECODE: '1',
    },
    ready: [`http://127.0.0.1:${port}/readyz`],
  })
  const url = `http://127.0.0.1:${port}`
  return {
    oneRow: {
      url: `${url}/predict`,
      body: (rows) => JSON.stringify({ wine: rows[0] }),
      read: (answer: { quality: number }) => [answer.quality],
    },
    manyRows: {
      url: `${url}/predict_batch`,
      body: (rows) => JSON.stringify({ wines: rows }),
      read: (answer: { quality: number[] }) => answer.quality,
    },
    stop: program.stop,
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
