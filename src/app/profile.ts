import { rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { defineErrors } from '../core/errors.ts'
import { digestOf, findRuntime, newestRevision, readModelSchema, runtimes } from '../sources/serving/index.ts'
import { type Cell, locateColumns, openTable, type Table } from '../tables/index.ts'
import {
  buildReference,
  type Columns,
  compileRowReader,
  type ModelSchema,
  type OutputColumn,
  profileDefaults,
  type ReadRows,
  type Reference,
  toInputValue,
  toNumber,
  toReferenceJson,
} from '../watch/index.ts'

export type { Reference } from '../watch/index.ts'

export const profileErrors = defineErrors({
  MW_PROFILE_ROWS_INVALID: {
    kind: 'config',
    retryable: false,
    hint: 'Correct the rows, widen the schema in model.yaml, or leave such rows out with --skip-invalid.',
  },
  MW_PROFILE_EMPTY: { kind: 'config', retryable: false, hint: 'A reference needs training rows; name the file the model was trained on.' },
})

export interface ProfileRequest {
  /** The model's folder. */
  readonly modelDir: string
  /** Undefined: the newest. */
  readonly revision: string | undefined
  readonly dataFile: string
  /** Undefined: reference.json in the revision's folder. */
  readonly out: string | undefined
  readonly binsMax: number
  readonly skipInvalid: boolean
  /** Told now and then how far the file is read; shares in [0, 1]. */
  onProgress?(share: number, rows: number): void
}

export interface ProfileResult {
  readonly reference: Reference
  readonly out: string
  /** Rows left out because they broke the schema. */
  readonly skipped: number
}

/**
 * Makes a revision's reference.json from its training data: reads the table, lets the model predict its rows, and counts inputs and predictions
 * into bins. A column named as a numeric output holds the truth and gives the baseline quality. The file is written whole or not at all.
 */
export async function profileModel(request: ProfileRequest): Promise<ProfileResult> {
  const { modelDir, dataFile } = request
  const schema = await readModelSchema(modelDir)
  const revisionDir = join(modelDir, 'revisions', request.revision ?? (await newestRevision(modelDir)))
  const table = await openTable(dataFile)
  const { rows, truth, skipped } = await readTraining(table, schema, request)
  const { runtime, modelPath } = await findRuntime({ revisionDir }, runtimes)
  const model = await runtime.load(modelPath, schema)
  try {
    const outputs = await predictAll(rows.columns, (columns) => model.predict(columns))
    const source = { file: basename(dataFile), sha256: (await digestOf(dataFile)).replace('sha256:', '') }
    const reference = buildReference(schema, rows, outputs, truth, source, { ...profileDefaults, binsMax: request.binsMax })
    const out = request.out ?? join(revisionDir, 'reference.json')
    await writeWhole(out, toReferenceJson(reference))
    return { reference, out, skipped }
  } finally {
    await model.unload()
  }
}

interface Training {
  readonly rows: ReadRows
  readonly truth: ReadonlyMap<string, Float64Array>
  readonly skipped: number
}

async function readTraining(table: Table, schema: ModelSchema, request: ProfileRequest): Promise<Training> {
  const { dataFile, skipInvalid, onProgress } = request
  const names = schema.features.map(({ name }) => name)
  const columns = locateColumns(dataFile, table, names)
  const outcomes = schema.outputs.filter(({ kind, name }) => kind === 'regression' && table.columns.includes(name)).map(({ name }) => name)
  const readRows = compileRowReader(schema)
  const toRow = (cells: readonly Cell[]) =>
    Object.fromEntries(schema.features.map((feature, f) => [feature.name, toInputValue(feature, cells[columns[f]!] ?? null)]))

  const good: unknown[] = []
  const truth = new Map(outcomes.map((name) => [name, [] as number[]]))
  let [seen, skipped] = [0, 0]
  for await (const batch of table.batches()) {
    for (const cells of batch) {
      seen++
      const row = toRow(cells)
      const { faults, faultCount } = readRows([row])
      if (faultCount > 0) {
        if (!skipInvalid) throw profileErrors.MW_PROFILE_ROWS_INVALID(`${dataFile}, row ${seen}: ${faults[0]!.field} ${faults[0]!.message}`)
        skipped++
        continue
      }
      good.push(row)
      for (const name of outcomes) truth.get(name)!.push(toOutcome(cells[table.columns.indexOf(name)] ?? null))
    }
    onProgress?.(table.sizeBytes === 0 ? 1 : table.readBytes() / table.sizeBytes, seen)
  }
  if (good.length === 0)
    throw profileErrors.MW_PROFILE_EMPTY(
      `${dataFile} holds no row${skipped > 0 ? ` that the schema allows; ${skipped} were left out` : ''}`,
    )
  return { rows: readRows(good), truth: new Map([...truth].map(([name, values]) => [name, Float64Array.from(values)])), skipped }
}

function toOutcome(cell: Cell): number {
  const value = cell === null || typeof cell === 'boolean' ? Number.NaN : toNumber(cell)
  return typeof value === 'number' ? value : Number.NaN
}

const PREDICT_ROWS_MAX = 1024

async function predictAll(columns: Columns, predict: (columns: Columns) => Promise<readonly OutputColumn[]>): Promise<OutputColumn[]> {
  const pieces: (readonly OutputColumn[])[] = []
  for (let from = 0; from < columns.rows; from += PREDICT_ROWS_MAX) {
    const to = Math.min(columns.rows, from + PREDICT_ROWS_MAX)
    pieces.push(await predict({ rows: to - from, values: columns.values.map((column) => column.slice(from, to)) }))
  }
  return pieces[0]!.map((first, o) =>
    first instanceof Float64Array
      ? Float64Array.from(pieces.flatMap((piece) => [...(piece[o] as Float64Array)]))
      : pieces.flatMap((piece) => piece[o] as string[]),
  )
}

/** A reader sees the old file or the new one, never half of it. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}`
  await writeFile(temporary, text)
  await rename(temporary, path)
}
