import { cpSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelwatchError } from '../../../src/core/errors.ts'
import { readModelPackage } from '../../../src/sources/serving/models/index.ts'
import { type LoadedModel, runtimes } from '../../../src/sources/serving/runtimes/index.ts'
import { type Columns, compileRowReader, type ModelSchema, sliceRows } from '../../../src/watch/index.ts'

/** What a Python script wrote beside the model that it exported. */
export interface OracleCase {
  readonly name: string
  readonly made_by: string
  readonly schema: { readonly name: string; readonly outputs: readonly { readonly name: string }[] }
  readonly rows: readonly unknown[]
  /** By output: one answer a row, of Python itself. */
  readonly answers: Readonly<Record<string, readonly unknown[]>>
  readonly refused: string | null
}

export interface CaseResult {
  readonly name: string
  readonly madeBy: string
  readonly rows: number
  /** Largest difference of a number to Python's, relative to the largest number of that output, 1 at least; NaN where no number is compared. */
  readonly difference: number
  /** Labels that are not Python's; NaN where none is compared. */
  readonly labelsWrong: number
  /** Undefined: as wanted. */
  readonly fault: string | undefined
  readonly note: string
}

/** Of numbers, relative to their scale. */
export const DIFFERENCE_MAX = 1e-5

/** Makes a model package of a case, loads it as a gateway does, and holds its answers against Python's: all rows at once, one by one, and in a thread. */
export async function checkCase(caseDir: string, workDir: string): Promise<CaseResult> {
  const found: OracleCase = JSON.parse(await readFile(join(caseDir, 'case.json'), 'utf8'))
  const { name, made_by: madeBy, rows, refused } = found
  const head = { name, madeBy, rows: rows.length }
  const failed = (fault: string): CaseResult => ({ ...head, difference: Number.NaN, labelsWrong: Number.NaN, fault, note: '' })
  const modelDir = join(workDir, name)
  await mkdir(join(modelDir, 'revisions/v1'), { recursive: true })
  await writeFile(join(modelDir, 'model.yaml'), JSON.stringify(found.schema)) // JSON is YAML too.
  cpSync(join(caseDir, 'model.onnx'), join(modelDir, 'revisions/v1/model.onnx'))
  try {
    const difference = { number: Number.NaN, labels: Number.NaN }
    for (const placement of ['inline', 'threads'] as const) {
      const { schema, model } = await load(modelDir, placement)
      try {
        const read = compileRowReader(schema)(rows)
        if (read.faultCount > 0) return failed(`row ${read.faults[0]!.row}: ${read.faults[0]!.field} ${read.faults[0]!.message}`)
        for (const part of partsOf(read.columns)) await compare(found, model, schema, part, difference)
      } finally {
        await model.unload()
      }
    }
    if (refused !== null) return failed(`was served, and must be refused with ${refused}`)
    const isEqual = !(difference.number > DIFFERENCE_MAX) && !(difference.labels > 0)
    const fault = isEqual ? undefined : 'predicts what Python does not'
    return { ...head, difference: difference.number, labelsWrong: difference.labels, fault, note: '' }
  } catch (error) {
    if (error instanceof ModelwatchError && error.code === refused)
      return { ...failed(''), fault: undefined, note: `refused: ${error.message.replaceAll(`${workDir}/`, '')}` }
    return failed(error instanceof ModelwatchError ? `${error.code} ${error.message}` : String(error))
  }
}

async function load(modelDir: string, placement: 'inline' | 'threads'): Promise<{ schema: ModelSchema; model: LoadedModel }> {
  const { schema, runtime, modelPath, settings } = await readModelPackage(modelDir, runtimes)
  const threadFile = new URL('../../../src/sources/serving/runtimes/threads/main.ts', import.meta.url)
  const model = await runtime.load(modelPath, schema, { settings, placement, threads: 1, threadFile, onEvent() {} })
  return { schema, model }
}

/** All rows together, the first ones alone, and a part that no batch size of a model divides. */
function partsOf(columns: Columns): { from: number; columns: Columns }[] {
  const singles = Array.from({ length: Math.min(10, columns.rows) }, (_, r) => ({ from: r, to: r + 1 }))
  const ranges = [{ from: 0, to: columns.rows }, ...singles, { from: 3, to: Math.min(40, columns.rows) }]
  return ranges.map(({ from, to }) => ({ from, columns: sliceRows(columns, from, to) }))
}

async function compare(
  found: OracleCase,
  model: LoadedModel,
  schema: ModelSchema,
  part: { from: number; columns: Columns },
  difference: { number: number; labels: number },
): Promise<void> {
  const outputs = await model.predict(part.columns)
  for (const [o, { name }] of schema.outputs.entries()) {
    const answers = found.answers[name]!
    const want = answers.slice(part.from, part.from + part.columns.rows).flat(8)
    const got = outputs[o]!
    if (got.length !== want.length) throw new Error(`${name}: ${got.length} values for ${part.columns.rows} rows, ${want.length} wanted`)
    if (typeof want[0] === 'string') {
      const wrong = want.filter((label, i) => got[i] !== label).length
      difference.labels = (Number.isNaN(difference.labels) ? 0 : difference.labels) + wrong
      continue
    }
    const scale = Math.max(1, ...answers.flat(8).map((value) => Math.abs(value as number)))
    for (const [i, value] of want.entries()) {
      const off = Math.abs((got[i] as number) - (value as number)) / scale
      // A NaN on our side is no small difference.
      const worst = Number.isNaN(off) ? Number.POSITIVE_INFINITY : off
      if (!(worst <= difference.number)) difference.number = worst
    }
  }
}
