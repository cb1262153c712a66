import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, MS_PER_SECOND } from '../../../core/time.ts'
import type { Histogram, Registry } from '../../../instrument/index.ts'
import {
  type Columns,
  compileRowReader,
  createObserver,
  createQualityTracker,
  type ModelSchema,
  type Observer,
  type OutputColumn,
  type QualityTracker,
  qualityDefaults,
  type ReadRows,
  toExampleRow,
} from '../../../watch/index.ts'
import type { Runtime } from '../runtimes/contract.ts'
import { Batcher } from './batching/batcher.ts'
import type { ModelsConfig } from './config.ts'
import { modelErrors } from './errors.ts'
import { modelFamilies as families } from './families.ts'
import { digestOf, type ModelPackage } from './model-package.ts'

/** One revision of a model in service: what reads its rows, runs it and watches it. */
export interface ServedModel {
  readonly schema: ModelSchema
  readonly revision: string
  readonly watched: boolean
  /** A row like those of the training data, for the API page. */
  readonly exampleRow: Readonly<Record<string, unknown>>
  readRows(rows: readonly unknown[]): ReadRows
  /** @returns shape [outputs][rows]. */
  predict(columns: Columns): Promise<readonly OutputColumn[]>
  readonly observer: Observer
  readonly quality: QualityTracker
  /** Time taken to write an answer. */
  readonly encodeDuration: Histogram
  unload(): Promise<void>
}

export interface ServedModelDeps {
  readonly registry: Registry
  readonly clock: Clock
  readonly runtimes: readonly Runtime[]
}

/**
 * Loads a model package into service.
 * @throws MW_MODEL_PACKAGE when no runtime knows the revision's files, and what the runtime's `load` throws.
 */
export async function loadServedModel(found: ModelPackage, config: ModelsConfig, deps: ServedModelDeps): Promise<ServedModel> {
  const { schema, revision, reference } = found
  const { registry } = deps
  const { runtime, modelPath } = await findRuntime(found, deps.runtimes)
  const loaded = await runtime.load(modelPath, schema)
  const of = { model: schema.name, revision }
  registry.gauge(families.modelInfo, { ...of, digest: await digestOf(modelPath), framework: found.info.framework ?? '' }).set(1)
  if (found.info.trained_at !== undefined) registry.gauge(families.trained, of).set(Date.parse(found.info.trained_at) / MS_PER_SECOND)
  registry.gauge(families.deployed, of).set(deps.clock.now() / MS_PER_SECOND)
  const batcher = new Batcher(loaded, of, registry, { batchRowsMax: config.batch_rows_max, rowsWaitingMax: config.rows_waiting_max })
  return {
    schema,
    revision,
    watched: reference !== undefined,
    exampleRow: toExampleRow(schema, reference),
    readRows: compileRowReader(schema),
    predict: (columns) => batcher.predict(columns),
    observer: createObserver(schema, revision, reference, registry),
    quality: createQualityTracker(schema, revision, registry, { ...qualityDefaults, predictionsMax: config.predictions_remembered_max }),
    encodeDuration: registry.histogram(families.phaseDuration, { ...of, phase: 'encode' }),
    async unload() {
      await batcher.close() // A client may be gone, and its socket closed, while its rows are still in the model.
      await loaded.unload()
    },
  }
}

/** @throws MW_MODEL_PACKAGE when the revision holds no model file that a runtime knows. */
export async function findRuntime(found: Pick<ModelPackage, 'revisionDir'>, runtimes: readonly Runtime[]) {
  for (const runtime of runtimes) {
    const modelPath = join(found.revisionDir, runtime.modelFile)
    const there = await access(modelPath).then(
      () => true,
      () => false,
    )
    if (there) return { runtime, modelPath }
  }
  throw modelErrors.MW_MODEL_PACKAGE(
    `${found.revisionDir} holds no model: it needs ${runtimes.map(({ modelFile }) => modelFile).join(' or ')}`,
  )
}
