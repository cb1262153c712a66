import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DefinitionName, runtimeConformance } from '../testing.ts'
import { typescriptRuntime } from './index.ts'

const predictors: Readonly<Record<DefinitionName, string>> = {
  // Rows in, columns out, and back, so that both forms are held to the same.
  sum: `type Row = { a: number | null; b: number }
export default {
  predict(batch: { toRows(): Row[] }) {
    return batch.toRows().map(({ a, b }) => {
      if (b === 666) throw new RangeError('b must not be 666')
      return { total: a === null ? undefined : a + b }
    })
  },
}`,
  mixed: `export default {
  async predict({ columns: { x, n, flag, c } }: { columns: Record<string, any> }) {
    return { score: x.map((value: number, r: number) => value + n[r] + flag[r]), label: c }
  },
}`,
  int64: 'export default { predict: ({ columns }: any) => ({ same: columns.w }) }',
  shape: 'export default { predict: (batch: any) => batch.toRows().map(({ s }: { s: number[] }) => ({ same: s })) }',
  image: 'export default { predict: (batch: any) => ({ same: batch.columns.p }) }',
}

runtimeConformance('typescript', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'typescript-'))
  const write = async (folder: string, text: string) => {
    await mkdir(join(dir, folder))
    await writeFile(join(dir, folder, 'predictor.ts'), text)
    return join(dir, folder, 'predictor.ts')
  }
  let broken = 0
  return {
    runtime: typescriptRuntime,
    placements: ['inline', 'threads'],
    takes: ['int64', 'shape', 'image'],
    make: (definition) => write(definition, predictors[definition]),
    broken: [
      { why: 'no TypeScript', code: 'MW_MODEL_UNREADABLE', make: () => write(`broken-${broken++}`, 'export default {') },
      { why: 'not there', code: 'MW_MODEL_UNREADABLE', make: async () => join(dir, 'none', 'predictor.ts') },
    ],
    failing: { a: 1, b: 666, message: /^b must not be 666$/, code: undefined },
    knowsMismatch: true,
    close: () => rm(dir, { recursive: true }),
  }
})
