import { resolve } from 'node:path'
import type { Logger } from 'pino'
import { defineErrors } from '../core/errors.ts'
import { systemClock } from '../core/time.ts'
import { addProcessMetrics, Registry } from '../instrument/index.ts'
import { createGateway, type ServingConfig } from '../sources/serving/gateway/index.ts'
import { listModelDirs, loadServedModel, readModelPackage, type ServedModel } from '../sources/serving/models/index.ts'
import { runtimes } from '../sources/serving/runtimes/index.ts'
import { listen } from './listen.ts'
import { readVersion } from './package.ts'

export const serveErrors = defineErrors({
  MW_MODEL_TWICE: {
    kind: 'config',
    retryable: false,
    hint: 'Give one of them another name in its model.yaml, or move it out of the models folder.',
  },
})

/** A role that runs: where it is reached, and how it ends. */
export interface RunningRole {
  readonly url: string
  /** Lets what is under way end first. */
  close(): Promise<void>
}

/**
 * Starts the gateway: loads every model of the folder, then listens. Nothing listens before every model can answer.
 * @param baseDir - What paths of the configuration are relative to.
 */
export async function startGateway(config: ServingConfig, baseDir: string, deps: { log: Logger }): Promise<RunningRole> {
  const { log } = deps
  const registry = new Registry()
  addProcessMetrics(registry)
  const models: ServedModel[] = []
  const dirByName = new Map<string, string>()
  for (const dir of await listModelDirs(resolve(baseDir, config.models))) {
    const found = await readModelPackage(dir)
    const other = dirByName.get(found.schema.name)
    if (other !== undefined) throw serveErrors.MW_MODEL_TWICE(`${other} and ${dir} both hold a model named ${found.schema.name}`)
    dirByName.set(found.schema.name, dir)
    const served = await loadServedModel(found, config, { registry, clock: systemClock, runtimes })
    models.push(served)
    log.info({ model: served.schema.name, revision: served.revision }, `serves ${served.schema.name}, revision ${served.revision}`)
    if (!served.watched)
      log.warn(
        { model: served.schema.name },
        `${served.schema.name} has no reference.json: its drift is not watched; make one with "modelwatch profile"`,
      )
  }
  const app = await createGateway(models, config, {
    registry,
    clock: systemClock,
    version: readVersion(),
    onError: (error, { method, url }) => log.error({ err: error, method, url }, 'a request failed'),
  })
  const url = await listen(app, config.listen, 'serving.listen')
  return {
    url,
    async close() {
      await app.close()
      await Promise.all(models.map((served) => served.unload()))
    },
  }
}
