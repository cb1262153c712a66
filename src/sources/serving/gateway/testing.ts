import type { FastifyInstance } from 'fastify'
import { Value } from 'typebox/value'
import { Registry } from '../../../instrument/index.ts'
import type { Columns } from '../../../watch/index.ts'
import { compileRowReader, createObserver, createQualityTracker, toExampleRow } from '../../../watch/index.ts'
import { testReference, testSchema } from '../../../watch/testing.ts'
import type { ServedModel } from '../models/index.ts'
import { Batcher, modelFamilies } from '../models/testing.ts'
import type { LoadedModel } from '../runtimes/contract.ts'
import { ServingConfig } from './config.ts'
import { createGateway } from './gateway.ts'

/** A wind at which the scripted model fails, and one for which it answers NaN. */
export const FAILING_WIND = 13
export const NAN_WIND = 14

/** Answers twice the wind, one call at a time, and remembers how many rows each call had. `hold` makes calls wait until `release`. */
export class ScriptedModel implements LoadedModel {
  readonly calls: number[] = []
  #gate: Promise<void> = Promise.resolve()
  #open: () => void = () => {}

  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve
    })
  }

  release(): void {
    this.#open()
  }

  async predict(columns: Columns): Promise<readonly Float64Array[]> {
    this.calls.push(columns.rows)
    await this.#gate
    const wind = columns.values[0] as Float64Array
    if (wind.includes(FAILING_WIND)) throw new Error('scripted failure')
    return [wind.map((value) => (value === NAN_WIND ? Number.NaN : value * 2))]
  }

  async unload(): Promise<void> {}
}

export interface TestGateway {
  readonly app: FastifyInstance
  readonly model: ScriptedModel
  readonly registry: Registry
  readonly errors: unknown[]
  readonly served: ServedModel
  nowMs: number
}

/** A gateway that serves the scripted model as `demo`, revision v1; it does not listen: use `app.inject`. */
export async function createTestGateway(config: Partial<ServingConfig> = {}): Promise<TestGateway> {
  const full: ServingConfig = { ...(Value.Default(ServingConfig, {}) as ServingConfig), ...config }
  const registry = new Registry()
  const model = new ScriptedModel()
  const of = { model: testSchema.name, revision: 'v1' }
  const batcher = new Batcher(model, of, registry, { batchRowsMax: full.batch_rows_max, rowsWaitingMax: full.rows_waiting_max })
  const served: ServedModel = {
    schema: testSchema,
    revision: of.revision,
    watched: true,
    exampleRow: toExampleRow(testSchema, testReference()),
    readRows: compileRowReader(testSchema),
    predict: (columns) => batcher.predict(columns),
    observer: createObserver(testSchema, of.revision, testReference(), registry),
    quality: createQualityTracker(testSchema, of.revision, registry),
    encodeDuration: registry.histogram(modelFamilies.phaseDuration, { ...of, phase: 'encode' }),
    unload: () => batcher.close(),
  }
  const errors: unknown[] = []
  const gateway = { model, registry, errors, served, nowMs: 1_000_000 }
  const app = await createGateway([served], full, {
    registry,
    clock: { now: () => gateway.nowMs },
    version: '0.0.0',
    onError: (error) => errors.push(error),
  })
  return Object.assign(gateway, { app })
}
