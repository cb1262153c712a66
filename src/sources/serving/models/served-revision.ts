import { MS_PER_SECOND, parseDurationMs } from '../../../core/time.ts'
import { compileRowReader, createObserver, type QualityTracker, toExampleRow } from '../../../watch/index.ts'
import { Batcher } from './batching/batcher.ts'
import type { ModelsConfig } from './config.ts'
import type { ServedRevision } from './contract.ts'
import { modelFamilies as families } from './families.ts'
import type { PreparedRevision, RevisionDeps } from './prepared-revision.ts'

/** A revision in service, and the way out of it. */
export interface LiveRevision extends ServedRevision {
  readonly digest: string
  /** @param ratio - Its share of the traffic, in [0, 1]. */
  setTrafficRatio(ratio: number): void
  /** Waits for the requests that began here, then unloads the model. Its metrics stand until `forget`, so that the last counts are still scraped. */
  retire(): Promise<void>
  /** Takes its metrics away, for a revision of the same name comes in its place, or nobody asks for them any more. */
  forget(): void
}

/** Puts a prepared revision into service: from now on it counts, beginning at 0. No other of its name may be counted at the same time. */
export function enterService(
  prepared: PreparedRevision,
  config: ModelsConfig,
  deps: Pick<RevisionDeps, 'registry' | 'clock'> & { readonly quality: QualityTracker },
): LiveRevision {
  const { found, loaded, digest, dependencies } = prepared
  const { schema, revision, reference, info } = found
  const of = { model: schema.name, revision }
  const registry = deps.registry.part()
  registry.gauge(families.modelInfo, { ...of, digest, framework: info.framework ?? '' }).set(1)
  if (info.trained_at !== undefined) registry.gauge(families.trained, of).set(Date.parse(info.trained_at) / MS_PER_SECOND)
  for (const { name, version } of dependencies) {
    if (version !== undefined) registry.gauge(families.dependencyInfo, { ...of, name, version }).set(1)
  }
  registry.gauge(families.deployed, of).set(deps.clock.now() / MS_PER_SECOND)
  const batcher = new Batcher(loaded, of, registry, {
    batchRowsMax: config.batch_rows_max,
    rowsWaitingMax: config.rows_waiting_max,
    batchWaitMaxMs: parseDurationMs(config.batch_wait_max)!,
    waitMaxMs: parseDurationMs(config.wait_max)!,
  })
  const traffic = registry.gauge(families.trafficRatio, of)
  let inUse = 0
  let whenUnused: (() => void) | undefined

  return {
    schema,
    revision,
    digest,
    registry,
    setTrafficRatio: (ratio) => traffic.set(ratio),
    watched: reference !== undefined,
    exampleRow: toExampleRow(schema, reference),
    readRows: compileRowReader(schema),
    predict: (columns, options) => batcher.predict(columns, options),
    observer: createObserver(schema, revision, reference, registry),
    quality: deps.quality,
    encodeDuration: registry.histogram(families.phaseDuration, { ...of, phase: 'encode' }),
    get concurrency() {
      return loaded.concurrency
    },
    threads: loaded.threads,
    enter() {
      inUse++
    },
    leave() {
      inUse--
      if (inUse === 0) whenUnused?.()
    },
    async retire() {
      if (inUse > 0) await new Promise<void>((resolve) => (whenUnused = resolve))
      await batcher.close() // A client may be gone, and its socket closed, while its rows are still in the model.
      await loaded.unload()
    },
    forget: () => registry.remove(),
  }
}
