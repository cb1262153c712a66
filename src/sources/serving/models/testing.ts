import { Value } from 'typebox/value'
import type { Clock } from '../../../core/time.ts'
import type { Registry } from '../../../instrument/index.ts'
import { type Columns, createQualityTracker, type ModelSchema, qualityDefaults, type Reference } from '../../../watch/index.ts'
import { testReference, testSchema } from '../../../watch/testing.ts'
import type { LoadedModel } from '../runtimes/contract.ts'
import { ModelsConfig } from './config.ts'
import type { ModelHost, ServedModel } from './contract.ts'
import { modelErrors } from './errors.ts'
import { enterService, type LiveRevision } from './served-revision.ts'

/** A wind at which the scripted model fails, and one for which it answers NaN. */
export const FAILING_WIND = 13
export const NAN_WIND = 14

/** Answers twice the wind, one call at a time, and remembers how many rows each call had. `hold` makes calls wait until `release`. */
export class ScriptedModel implements LoadedModel {
  readonly concurrency = 1
  readonly threads = undefined
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

export interface TestHostOptions {
  readonly registry: Registry
  readonly clock: Clock
  readonly config?: Partial<ModelsConfig>
  /** Takes the place of the scripted model, and of its schema and reference. */
  readonly loaded?: LoadedModel
  readonly schema?: ModelSchema
  readonly reference?: Reference | undefined
}

/** One model in service, as `demo`, revision v1, by no more than what is given here: no folder, no runtime, no traffic store. */
export function createTestHost(options: TestHostOptions): { host: ModelHost; model: ScriptedModel; served: LiveRevision } {
  const { registry, clock, schema = testSchema } = options
  const config: ModelsConfig = { ...(Value.Default(ModelsConfig, {}) as ModelsConfig), ...options.config }
  const model = new ScriptedModel()
  const reference = 'reference' in options ? options.reference : schema === testSchema ? testReference() : undefined
  const found = {
    schema,
    revision: 'v1',
    revisionDir: '',
    info: {},
    reference,
    golden: undefined,
    runtime: undefined as never,
    modelPath: '',
    settings: {},
  }
  const quality = createQualityTracker(schema, 'v1', registry, { ...qualityDefaults, predictionsMax: config.predictions_remembered_max })
  const served = enterService({ found, loaded: options.loaded ?? model, digest: 'sha256:test', dependencies: [] }, config, {
    registry,
    clock,
    quality,
  })
  const one: ServedModel = {
    schema,
    choose({ revision, tag }) {
      if (tag !== undefined) throw modelErrors.MW_TAG_UNKNOWN(`${schema.name} has no tag ${tag}`)
      if (revision !== undefined && revision !== served.revision)
        throw modelErrors.MW_REVISION_UNKNOWN(`${schema.name} has no revision ${revision}`)
      return served
    },
    revision: async () => served,
    trackerOf: (id) => (served.quality.made(id) ? served.quality : undefined),
    mirror() {},
    revisions: () => [{ served, percent: 100, tags: [] }],
  }
  const host: ModelHost = {
    models: [one],
    get: (name) => (name === schema.name ? one : undefined),
    close: () => served.retire(),
  }
  return { host, model, served }
}
