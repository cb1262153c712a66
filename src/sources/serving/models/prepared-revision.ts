import type { Clock } from '../../../core/time.ts'
import type { Registry } from '../../../instrument/index.ts'
import type { LoadContext, LoadedModel, Runtime, RuntimeEvent } from '../runtimes/contract.ts'
import { checkDependencies, type Dependency } from './dependencies.ts'
import { checkDigest } from './digest.ts'
import { modelFamilies as families } from './families.ts'
import { checkGolden } from './golden.ts'
import type { ModelPackage } from './model-package.ts'

/** What loading and serving revisions needs from whoever runs them. */
export interface RevisionDeps {
  readonly registry: Registry
  readonly clock: Clock
  readonly runtimes: readonly Runtime[]
  readonly placement: LoadContext['placement']
  /** Threads that a model begins with where its calls run in threads. */
  readonly threads: number
  /** Of modelwatch itself, which a revision may depend on. */
  readonly version: string
  /** The program of a model's thread. */
  readonly threadFile: URL
  /** What happened to a model outside of any request. */
  onEvent(of: { readonly model: string; readonly revision: string }, event: RuntimeEvent): void
}

/** A revision that is in memory, warm and proven; nobody is sent to it yet, and nothing of it is counted. */
export interface PreparedRevision {
  readonly found: ModelPackage
  readonly loaded: LoadedModel
  /** Of the model file. */
  readonly digest: string
  readonly dependencies: readonly Dependency[]
}

/**
 * Loads a revision and lets it prove itself: its digest, the versions it depends on, and its golden rows.
 * @throws what reading, loading and proving throw; nothing stays in memory then.
 */
export async function prepareRevision(found: ModelPackage, deps: RevisionDeps): Promise<PreparedRevision> {
  const { schema, revision, revisionDir, runtime, modelPath, settings, info, golden } = found
  const digest = await checkDigest(modelPath, info.digest)
  const dependencies = checkDependencies(info.dependencies, { revisionDir, modelwatch: deps.version })
  const loaded = await runtime.load(modelPath, schema, {
    settings,
    placement: deps.placement,
    threads: deps.threads,
    threadFile: deps.threadFile,
    onEvent: (event) => {
      const of = { model: schema.name, revision }
      if (event.kind === 'thread_died') deps.registry.counter(families.threadDeaths, { ...of, reason: event.reason }).add()
      if (event.kind === 'shed') deps.registry.counter(families.callsShed, of).add()
      if (event.kind === 'circuit') deps.registry.counter(families.circuitChanges, { ...of, state: event.state }).add()
      deps.onEvent(of, event)
    },
  })
  try {
    if (golden !== undefined) await checkGolden(golden, schema, (columns) => loaded.predict(columns))
  } catch (error) {
    await loaded.unload().catch(() => {}) // Why it is not served is the error to tell.
    throw error
  }
  return { found, loaded, digest, dependencies }
}
