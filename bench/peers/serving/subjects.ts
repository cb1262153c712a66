import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { startServer } from '../../support/server.ts'
import { onCore, type RequestBody } from '../../support/wrk.ts'
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
  /** The forms in which it takes many rows at once. */
  readonly manyRows: readonly RowsForm[]
  stop(): Promise<void>
}

export interface Endpoint {
  readonly url: string
  body(rows: readonly WineRow[]): string
  /** The predictions of an answer. */
  read(answer: never): readonly number[]
}

/** A form of requests of many rows, and of their answers. */
export interface RowsForm {
  readonly name: string
  readonly url: string
  body(rows: readonly WineRow[]): RequestBody
  /** The predictions of an answer. @param jsonLength - Of its JSON, where binary data stands behind it. */
  read(answer: Buffer, jsonLength: number | undefined): readonly number[]
}

const root = join(import.meta.dirname, '../../..')
const command = join(root, 'bin/modelwatch.js')
const json = { 'content-type': 'application/json' }
/** A form whose requests and answers are JSON. */
const jsonForm = <T>(
  name: string,
  url: string,
  body: (rows: readonly WineRow[]) => unknown,
  read: (answer: T) => readonly number[],
): RowsForm => ({
  name,
  url,
  body: (rows) => ({ bytes: JSON.stringify(body(rows)), headers: json }),
  read: (answer) => read(JSON.parse(answer.toString()) as T),
})
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
        manyRows: [
          jsonForm(
            'named rows',
            `${url}/predict_batch`,
            (rows) => rows,
            (answer: { quality: number[] }) => answer.quality,
          ),
        ],
        stop: program.stop,
      }
    },
  }
}

export const fastapiEnvs = { plain: {}, tuned: { WORKERS: '2', ...oneThread } }

/** Of the two that are measured in turns as well. */
export const names = { bare: 'bare fastify route, no model', ours: 'modelwatch' } as const

/** Every server of the comparison, in the order of the table. */
export function subjectsOf(wine: Wine): Subject[] {
  return [
    fastapi('FastAPI stack as it comes', fastapiEnvs.plain),
    fastapi('FastAPI stack tuned (2 workers, 1 thread)', fastapiEnvs.tuned),
    { name: 'MLServer', cores: 'one', isModel: true, start: () => startMlserver(wine) },
    { name: 'BentoML', cores: 'one', isModel: true, start: () => startBentoml(wine) },
    {
      name: names.bare,
      cores: 'one',
      isModel: false,
      start: () => startOurs([join(import.meta.dirname, 'bare-route.ts'), join(wine.served, 'models/wine')], 'one'),
    },
    ...(['one', 'both'] as const).map(
      (cores): Subject => ({
        name: cores === 'one' ? names.ours : `${names.ours} on both cores`,
        cores,
        isModel: true,
        start: () => startOurs([command, 'serve', wine.served, '--listen', '127.0.0.1:0'], cores),
      }),
    ),
  ]
}

/** The gateway as a program of the bench, which can leave the bookkeeping out. */
export const startGatewayProcess = (wine: Wine, bookkeeping: 'on' | 'off') =>
  startOurs([join(import.meta.dirname, 'gateway-process.ts'), wine.served, bookkeeping], 'one')

async function startOurs(args: readonly string[], cores: Subject['cores']): Promise<RunningSubject> {
  const program: [string, ...string[]] = [process.execPath, ...args]
  const server = await startServer(cores === 'one' ? onCore(0, program) : program)
  const url = `${server.url}/v1/models/wine/predict`
  const infer = `${server.url}/v2/models/wine/infer`
  type Answer = { outputs: { quality: number } }
  return {
    oneRow: { url, body: one, read: (answer: Answer) => [answer.outputs.quality] },
    manyRows: [
      jsonForm(
        'named rows',
        url,
        (rows) => ({ rows }),
        ({ predictions }: { predictions: Answer[] }) => predictions.map(({ outputs }) => outputs.quality),
      ),
      jsonForm('v2, JSON', infer, toTensors, readTensor),
      binaryForm('v2, binary', infer),
    ],
    stop: server.stop,
  }
}

/** One tensor for all features. */
function toTensors(rows: readonly WineRow[]) {
  const data = rows.flatMap((row) => Object.values(row))
  return { inputs: [{ name: 'x', shape: [rows.length, data.length / rows.length], datatype: 'FP64', data }] }
}

const readTensor = (answer: { outputs: { data: number[] }[] }) => answer.outputs[0]!.data

/** The binary data extension, both ways. */
const binaryForm = (name: string, url: string): RowsForm => ({
  name,
  url,
  body(rows) {
    const { data, ...tensor } = toTensors(rows).inputs[0]!
    const binary = Buffer.from(Float64Array.from(data).buffer)
    const inputs = [{ ...tensor, parameters: { binary_data_size: binary.length } }]
    const head = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }))
    const headers = { 'content-type': 'application/octet-stream', 'inference-header-content-length': String(head.length) }
    return { bytes: Buffer.concat([head, binary]), headers }
  },
  read: (answer, jsonLength) => Array.from(new Float64Array(Uint8Array.from(answer.subarray(jsonLength)).buffer)),
})

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
  const url = `http://127.0.0.1:${http}/v2/models/wine/infer`
  return {
    oneRow: { url, body: (rows) => JSON.stringify(toTensors(rows.slice(0, 1))), read: readTensor },
    manyRows: [jsonForm('v2, JSON', url, toTensors, readTensor)],
    stop: program.stop,
  }
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
    manyRows: [
      jsonForm(
        'named rows',
        `${url}/predict_batch`,
        (rows) => ({ wines: rows }),
        (answer: { quality: number[] }) => answer.quality,
      ),
    ],
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
