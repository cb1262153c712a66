import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { listModelDirs, readModelSchema } from '../sources/serving/index.ts'
import { toRuleFile } from '../watch/index.ts'
import { readModelwatchConfig } from './config.ts'

/**
 * Writes the rule file of every model of a project, OUT/MODEL.yml.
 * @returns the files written.
 */
export async function exportRules(projectDir: string, out: string | undefined): Promise<string[]> {
  const { value } = await readModelwatchConfig(projectDir)
  const outDir = out ?? join(projectDir, 'rules')
  await mkdir(outDir, { recursive: true })
  const files: string[] = []
  for (const dir of await listModelDirs(resolve(projectDir, value.serving.models))) {
    const schema = await readModelSchema(dir)
    const file = join(outDir, `${schema.name}.yml`)
    await writeFile(file, toRuleFile(schema))
    files.push(file)
  }
  return files
}
