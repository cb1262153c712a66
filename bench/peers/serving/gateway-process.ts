// The gateway as the command builds it, without its queue; with `off`, a row is neither counted nor remembered: for the difference, which no switch of the
// product makes. Two measurements are made inside, at POST /bench, for they are about this process. Usage: gateway-process.ts DIR on|off
import { join } from 'node:path'
import { pino } from 'pino'
import { readModelwatchConfig } from '../../../src/app/config.ts'
import { openModels } from '../../../src/app/models.ts'
import { letHeapGrow } from '../../../src/cli/heap.ts'
import { systemClock } from '../../../src/core/time.ts'
import { Registry } from '../../../src/instrument/index.ts'
import { createGateway } from '../../../src/sources/serving/gateway/index.ts'
import type { ModelHost, ServedModel, ServedRevision } from '../../../src/sources/serving/models/contract.ts'
import type { WineRow } from './wine.ts'

/** What the process is asked to measure in itself. */
export type Measurement =
  | { readonly kind: 'bookkeeping'; readonly row: unknown; readonly rows: number }
  | { readonly kind: 'session'; readonly batches: readonly (readonly WineRow[])[]; readonly seconds: number }

letHeapGrow()
const [dir, bookkeeping] = process.argv.slice(2) as [string, 'on' | 'off']
const { value: config } = await readModelwatchConfig(dir)
const registry = new Registry()
const log = pino({ level: 'warn' }, pino.destination(2))
const options = { config: config.serving, baseDir: dir, trafficUrl: 'sqlite:traffic.db', placement: 'inline', threads: 1 } as const
const host = await openModels(options, { registry, log })
const app = await createGateway(bookkeeping === 'on' ? host : withoutBookkeeping(host), config.serving, {
  registry,
  clock: systemClock,
  version: '0.0.0',
  tasks: undefined,
  onError: (error) => log.error(error),
})
app.post('/bench', async ({ body }) => {
  const wanted = body as Measurement
  return { result: wanted.kind === 'bookkeeping' ? measureBookkeeping(wanted) : await measureSession(wanted) }
})
process.once('disconnect', () => process.exit())
process.once('SIGTERM', () => process.exit())
process.send?.({ kind: 'ready', url: await app.listen({ host: '127.0.0.1', port: 0 }) })

function withoutBookkeeping(full: ModelHost): ModelHost {
  const bare = new WeakMap<ServedRevision, ServedRevision>()
  const strip = (served: ServedRevision): ServedRevision => {
    const known = bare.get(served)
    if (known !== undefined) return known
    const observer = { inputs() {}, outputs() {} }
    const id = '00000000-0000-4000-8000-000000000000'
    const predictedRows = (_outputs: unknown, rows: number) => `${id},`.repeat(rows)
    const quality = { predicted: () => id, predictedRows, made: () => false, labelled: () => 'orphan' as const }
    const made: ServedRevision = Object.create(served, { observer: { value: observer }, quality: { value: quality } })
    bare.set(served, made)
    return made
  }
  const models = full.models.map(
    (model): ServedModel => ({
      schema: model.schema,
      choose: (route) => strip(model.choose(route)),
      revision: async (name) => strip(await model.revision(name)),
      trackerOf: () => undefined,
      mirror: (...answered) => model.mirror(...answered),
      revisions: () => model.revisions().map((one) => ({ ...one, served: strip(one.served) })),
    }),
  )
  return { models, get: (name) => models.find(({ schema }) => schema.name === name), close: () => full.close() }
}

/** @returns microseconds a row: one row a request, counted and remembered. */
function measureBookkeeping({ row, rows }: Measurement & { kind: 'bookkeeping' }): number {
  const served = host.models[0]!.choose({})
  const read = served.readRows([row])
  const outputs = [Float64Array.of(5.04)]
  const count = (times: number) => {
    const startMs = performance.now()
    for (let r = 0; r < times; r++) {
      served.observer.inputs(read)
      served.observer.outputs(outputs)
      served.quality.predicted(outputs, 0, systemClock.now())
    }
    return performance.now() - startMs
  }
  count(rows)
  return (count(rows) * 1000) / rows
}

/** @returns rows a second of onnxruntime alone: the same tensors again and again, nothing made and nothing read. */
async function measureSession({ batches, seconds }: Measurement & { kind: 'session' }): Promise<number> {
  const { InferenceSession, Tensor } = await import('onnxruntime-node')
  const session = await InferenceSession.create(join(dir, 'models/wine/revisions/v1/model.onnx'), { intraOpNumThreads: 1 })
  const names = host.models[0]!.schema.features.map(({ name }) => name)
  const feeds = batches.map((rows) => {
    const flat = Float64Array.from(rows.flatMap((row) => names.map((name) => row[name]!)))
    return { [session.inputNames[0]!]: new Tensor('float64', flat, [rows.length, names.length]) }
  })
  for (let i = 0; i < 200; i++) await session.run(feeds[i % feeds.length]!)
  const startMs = performance.now()
  let rows = 0
  for (let i = 0; performance.now() - startMs < seconds * 1000; i = (i + 1) % feeds.length) {
    await session.run(feeds[i]!)
    rows += batches[i]!.length
  }
  return (rows * 1000) / (performance.now() - startMs)
}
