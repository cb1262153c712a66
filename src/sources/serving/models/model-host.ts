import type { TrafficStore } from '../traffic/contract.ts'
import { deploy, REPORT_MS } from '../traffic/index.ts'
import type { ModelsConfig } from './config.ts'
import type { ModelHost } from './contract.ts'
import { modelErrors } from './errors.ts'
import { watchFolder } from './folder-watch.ts'
import { listModelDirs, listRevisions, readModelSchema } from './model-folder.ts'
import { LiveModel, type ModelDeps } from './served-model.ts'

const SWEEP_MS = 60_000

/**
 * Loads every model of a folder, as the traffic wants it, and keeps following the traffic.
 * @param modelsDir - Folder of model packages.
 * @param only - Names of the models to load; undefined: all.
 * @throws MW_MODEL_PACKAGE, MW_MODEL_TWICE, and what loading the revisions throws; nothing is left running then.
 */
export async function createModelHost(
  modelsDir: string,
  config: ModelsConfig,
  store: TrafficStore,
  deps: ModelDeps & { readonly only?: readonly string[] | undefined; onError(error: unknown): void },
): Promise<ModelHost> {
  const found = await findModels(modelsDir, config, deps)
  const models = new Map(found.map(({ model }) => [model.schema.name, model]))
  const readTraffic = async () => new Map((await store.read()).map((traffic) => [traffic.model, traffic]))
  const close = async () => void (await Promise.all([...models.values()].map((model) => model.close())))

  let isBehind = false
  let isUnheard = false
  const tell = async () => {
    try {
      await store.report([...models.values()].flatMap(({ reports }) => reports))
      isUnheard = false
    } catch (error) {
      // Said once, not every few seconds for as long as the store is away.
      if (!isBehind && !isUnheard) deps.onError(error)
      isUnheard = true
    }
  }
  let reported = Promise.resolve()
  let next: Promise<void> | undefined
  /** One after the other, so that the last word at the end is the last; at most one waits, for it will tell what is so by then. */
  const report = () => {
    next ??= reported = reported.then(() => {
      next = undefined
      return tell()
    })
    return next
  }
  const follow = async () => {
    try {
      const traffic = await readTraffic()
      await Promise.all([...models].map(([name, model]) => model.follow(traffic.get(name))))
      isBehind = false
    } catch (error) {
      if (!isBehind) deps.onError(error)
      isBehind = true // The store is asked again when it is time to report; until then all stays as it is.
    }
    await report()
  }
  const ends: (() => void)[] = []
  try {
    if (config.reload) {
      for (const { dir, model } of found) {
        const takeOver = createTakeOver(dir, model, await listRevisions(dir), store, deps)
        ends.push(await watchFolder(dir, () => takeOver().catch(deps.onError).then(follow)))
      }
    }
    const traffic = await readTraffic()
    for (const [name, model] of models) await model.start(traffic.get(name))
  } catch (error) {
    for (const end of ends) end()
    await close()
    throw error
  }

  ends.push(store.onChange(() => void follow()))
  const reporting = setInterval(() => void (isBehind ? follow() : report()), REPORT_MS / 3)
  const sweeping = setInterval(() => {
    for (const model of models.values()) void model.sweep()
  }, SWEEP_MS)
  await follow() // What changed between the first reading and the listening.

  return {
    models: [...models.values()],
    get: (name) => models.get(name),
    async close() {
      clearInterval(reporting)
      clearInterval(sweeping)
      for (const end of ends) end()
      await close()
      await reported
      await store.withdraw(deps.process).catch(deps.onError)
    },
  }
}

async function findModels(modelsDir: string, config: ModelsConfig, deps: ModelDeps & { readonly only?: readonly string[] | undefined }) {
  const found: { dir: string; model: LiveModel }[] = []
  for (const dir of await listModelDirs(modelsDir)) {
    const schema = await readModelSchema(dir)
    const other = found.find(({ model }) => model.schema.name === schema.name)
    if (other !== undefined) throw modelErrors.MW_MODEL_TWICE(`${other.dir} and ${dir} both hold a model named ${schema.name}`)
    found.push({ dir, model: new LiveModel(dir, schema, config, deps) })
  }
  const names = found.map(({ model }) => model.schema.name)
  const unknown = deps.only?.find((name) => !names.includes(name))
  if (unknown !== undefined) throw modelErrors.MW_MODEL_PACKAGE(`${modelsDir} holds no model ${unknown}; it has ${names.join(', ')}`)
  return deps.only === undefined ? found : found.filter(({ model }) => deps.only!.includes(model.schema.name))
}

/**
 * Takes over what changed in a model's folder: files under the names in service, and the newest of the folders that were not there before, which is
 * deployed as if by command.
 * @param known - Folders that are there already.
 */
function createTakeOver(dir: string, model: LiveModel, known: readonly string[], store: TrafficStore, { clock }: ModelDeps) {
  const seen = new Set(known)
  return async () => {
    await model.refresh()
    const revision = (await listRevisions(dir)).filter((name) => !seen.has(name)).at(-1)
    if (revision === undefined) return
    const { name } = model.schema
    const current = (await store.read()).find((one) => one.model === name)
    // Without an entry the newest folder serves; one that the command deployed is the latest already.
    if (current !== undefined && current.latest !== revision)
      await store.update(name, (now) => deploy(now, { revision, traffic: true, tag: undefined, nowMs: clock.now() }))
    for (const one of await listRevisions(dir)) seen.add(one)
  }
}
