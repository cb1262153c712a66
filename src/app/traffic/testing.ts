import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { Value } from 'typebox/value'
import { Registry } from '../../instrument/index.ts'
import { ModelsConfig } from '../../sources/serving/models/config.ts'
import type { ModelHost } from '../../sources/serving/models/index.ts'
import { openModels } from '../models.ts'
import { openTrafficProject, type TrafficProject } from './project.ts'

const example = join(import.meta.dirname, '../../../examples/weather')

/** A prediction of the example's revision v1, which the README prints. */
export const goldenRow = {
  inputs: { precipitation: 0, temp_max: 12.8, temp_min: 5, wind: 4.7, weather: 'drizzle', day_of_year: 1 },
  outputs: { temp_max_tomorrow: 9.439445495605469 },
}

/** The example in a folder of its own, whose only revision is v1. */
export interface TestProject {
  readonly dir: string
  readonly project: TrafficProject
  at(path: string): string
  /** A folder that can be deployed: that of v1 with other notes, and files besides. */
  source(name: string, files?: Readonly<Record<string, unknown>>): Promise<string>
  /** What a gateway has of it: the models in service, following the traffic. */
  startHost(config?: Partial<ModelsConfig>): Promise<ModelHost>
  /** Makes a revision's model file unreadable. */
  spoil(revision: string): Promise<void>
  remove(): Promise<void>
}

export async function createTestProject(config = 'serving: {}\n'): Promise<TestProject> {
  const dir = await mkdtemp(join(tmpdir(), 'rollout-'))
  const at = (path: string) => join(dir, path)
  await cp(join(example, 'models'), at('models'), { recursive: true })
  await writeFile(at('modelwatch.yaml'), config)
  const project = await openTrafficProject(dir)
  return {
    dir,
    project,
    at,
    async source(name, files = {}) {
      const folder = at(`out/${name}`)
      await mkdir(at('out'), { recursive: true })
      await cp(at('models/weather/revisions/v1'), folder, { recursive: true })
      const all = { 'revision.yaml': `trained_at: 2026-11-19T08:00:00Z\nnotes: ${name}\n`, ...files }
      for (const [file, content] of Object.entries(all)) {
        if (content === undefined) await rm(join(folder, file))
        else await writeFile(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content))
      }
      return folder
    },
    startHost: (config = {}) =>
      openModels(
        {
          config: { ...(Value.Default(ModelsConfig, {}) as ModelsConfig), ...config },
          baseDir: dir,
          trafficUrl: 'sqlite:traffic.db',
          placement: 'inline',
          threads: 1,
        },
        { registry: new Registry(), log: pino({ level: 'silent' }) },
      ),
    spoil: (revision) => writeFile(at(`models/weather/revisions/${revision}/model.onnx`), 'spoilt'),
    async remove() {
      await project.close()
      await rm(dir, { recursive: true })
    },
  }
}
