import { join, resolve } from 'node:path'
import { listModelDirs, readModelSchema } from '../sources/serving/models/index.ts'
import { toRuleFile } from '../watch/index.ts'
import { readModelwatchConfig } from './config.ts'
import { prepareFile, prepareFolder } from './whole-file.ts'

/**
 * Writes the rule file of every model of a project, OUT/MODEL.yml.
 * @returns the files written.
 * @throws MW_WRITE_FAILED when OUT is no folder and cannot be made one, or a file in it cannot be written.
 */
export async function exportRules(projectDir: string, out: string | undefined): Promise<string[]> {
  const { value } = await readModelwatchConfig(projectDir)
  const outDir = out ?? join(projectDir, 'rules')
  await prepareFolder(outDir)
  const files: string[] = []
  for (const dir of await listModelDirs(resolve(projectDir, value.serving.models))) {
    const schema = await readModelSchema(dir)
    const file = await prepareFile(join(outDir, `${schema.name}.yml`))
    await file.write(toRuleFile(schema))
    files.push(file.path)
  }
  return files
}
