import { resolve } from 'node:path'
import { ModelwatchError } from '../../core/errors.ts'
import { systemClock } from '../../core/time.ts'
import { listModelDirs, listRevisions, readModelSchema } from '../../sources/serving/models/index.ts'
import {
  defaultTrafficUrl,
  type ModelTraffic,
  openTrafficStore,
  revisionsNamed,
  type TrafficStore,
} from '../../sources/serving/traffic/index.ts'
import { readModelwatchConfig } from '../config.ts'
import { rolloutErrors } from './errors.ts'

/** A folder with a modelwatch.yaml, as far as revisions and traffic go: no gateway need run, and where Redis keeps the traffic, no model be here. */
export interface TrafficProject {
  readonly modelsDir: string
  readonly store: TrafficStore
  close(): Promise<void>
}

/** @throws MW_CONFIG_INVALID, MW_TRAFFIC_URL_INVALID. */
export async function openTrafficProject(dir: string): Promise<TrafficProject> {
  const { serving, queue } = (await readModelwatchConfig(dir)).value
  const store = await openTrafficStore(serving.traffic_url ?? defaultTrafficUrl(queue.url), dir, { clock: systemClock })
  return { modelsDir: resolve(dir, serving.models), store, close: () => store.close() }
}

/** A model by name, with what is known of it here. */
export interface FoundModel {
  readonly name: string
  /** Its folder; undefined when it is on other machines alone. */
  readonly dir: string | undefined
  /** Names of its revisions, the newest last: its folders, or where there are none, what the traffic and the reports know. */
  readonly revisions: readonly string[]
  /** Undefined: it was never deployed by command. */
  readonly traffic: ModelTraffic | undefined
}

/** @throws MW_TRAFFIC_MODEL_UNKNOWN, listing those there are; MW_TRAFFIC_UNAVAILABLE. */
export async function findModel({ modelsDir, store }: TrafficProject, name: string): Promise<FoundModel> {
  const traffics = await store.read()
  const traffic = traffics.find(({ model }) => model === name)
  const dirs = await readModelDirs(modelsDir)
  const dir = dirs.get(name)
  if (dir !== undefined) return { name, dir, revisions: await listRevisions(dir), traffic }
  if (traffic === undefined) {
    const names = [...new Set([...dirs.keys(), ...traffics.map(({ model }) => model)])].sort()
    throw rolloutErrors.MW_TRAFFIC_MODEL_UNKNOWN(
      `there is no model ${name}; ${names.length === 0 ? `${modelsDir} holds none, and no traffic is kept` : `there is ${names.join(', ')}`}`,
    )
  }
  const reported = (await store.reports()).filter(({ model }) => model === name).map(({ revision }) => revision)
  const revisions = [...new Set([...revisionsNamed(traffic), ...reported])].sort(new Intl.Collator('en', { numeric: true }).compare)
  return { name, dir: undefined, revisions, traffic }
}

/** Folders by the names of their models. Empty where no models are: the traffic may be changed from a machine that has none. */
async function readModelDirs(modelsDir: string): Promise<ReadonlyMap<string, string>> {
  const dirs = await listModelDirs(modelsDir).catch((error: unknown) => {
    if (error instanceof ModelwatchError && error.code === 'MW_MODEL_PACKAGE') return []
    throw error
  })
  return new Map(await Promise.all(dirs.map(async (dir) => [(await readModelSchema(dir)).name, dir] as const)))
}
