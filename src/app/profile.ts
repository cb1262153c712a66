import { basename, join } from 'node:path'
import { defineErrors, ModelwatchError, messageOf } from '../core/errors.ts'
import { digestOf, readModelPackage } from '../sources/serving/models/index.ts'
import { type LoadedModel, runtimes } from '../sources/serving/runtimes/index.ts'
import { type Cell, locateColumns, openTable, type Table } from '../tables/index.ts'
import {
  type Column,
  type Columns,
  compileRowReader,
  createProfileBuilder,
  isJudged,
  joinColumns,
  type ModelSchema,
  profileDefaults,
  type ReadRows,
  type Reference,
  sliceRows,
  toInputValue,
  toNumber,
  toReferenceJson,
} from '../watch/index.ts'
import { modelThreadFile } from './package.ts'
import { prepareFile } from './whole-file.ts'

export type { Reference } from '../watch/index.ts'

export const profileErrors = defineErrors({
  MW_PROFILE_ROWS_INVALID: {
    kind: 'config',
    retryable: false,
    hint: 'Correct the rows, widen the schema in model.yaml, or leave such rows out with --skip-invalid.',
  },
  MW_PROFILE_MODEL_FAILED: {
    kind: 'config',
    retryable: false,
    hint: 'The message is that of the model; leave such rows out of the file, or narrow in model.yaml what a feature may be and add --skip-invalid.',
  },
  MW_PROFILE_OUTPUT_EMPTY: {
    kind: 'config',
    retryable: false,
    hint: 'Try the model on one of these rows where it was trained, and export it again; see that model.yaml names its features as it takes them.',
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
 * into bins, batch by batch, so that of a row only its numbers are kept. The file is written whole or not at all.
 * A column named as a numeric output holds the truth and gives the baseline quality.
 * @throws MW_WRITE_FAILED before anything is read; MW_PROFILE_ROWS_INVALID naming the first row that breaks the schema; MW_PROFILE_EMPTY for a
 *   file without rows; MW_PROFILE_MODEL_FAILED and MW_PROFILE_OUTPUT_EMPTY for a model that
 *   fails on these rows or answers nothing of use; and what reading the table and loading the model throw.
 */
export async function profileModel(request: ProfileRequest): Promise<ProfileResult> {
  const { modelDir, dataFile } = request
  const { schema, revisionDir, runtime, modelPath, settings } = await readModelPackage(modelDir, runtimes, request.revision)
  const out = await prepareFile(request.out ?? join(revisionDir, 'reference.json'))
  const table = await openTable(dataFile)
  const readBatch = compileBatchReader(table, schema, request)
  const builder = createProfileBuilder(schema, { ...profileDefaults, binsMax: request.binsMax })
  const model = await runtime.load(modelPath, schema, {
    settings,
    placement: 'inline',
    threads: 1,
    threadFile: modelThreadFile,
    onEvent() {},
  })
  let [seen, skipped] = [0, 0]
  try {
    for await (const batch of table.batches()) {
      const { rows, truth, left } = readBatch(batch, seen)
      seen += batch.length
      skipped += left
      if (rows.columns.rows > 0) builder.add(rows, await predictAll(rows.columns, model).catch(toModelError(dataFile, seen)), truth)
      request.onProgress?.(table.sizeBytes === 0 ? 1 : table.readBytes() / table.sizeBytes, seen)
    }
  } finally {
    await model.unload()
  }
  if (builder.rows === 0) {
    const why = skipped > 0 ? ` that the schema allows; ${skipped} were left out` : ''
    throw profileErrors.MW_PROFILE_EMPTY(`${dataFile} holds no row${why}`)
  }
  const source = { file: basename(dataFile), sha256: (await digestOf(dataFile)).replace('sha256:', '') }
  const reference = builder.finish(source)
  refuseEmptyOutputs(reference, dataFile)
  await out.write(toReferenceJson(reference))
  return { reference, out: out.path, skipped }
}

interface Batch {
  readonly rows: ReadRows
  readonly truth: ReadonlyMap<string, Float64Array>
  /** Rows left out. */
  readonly left: number
}

/** Makes the reader of a table's batches. It reads each row once; rows of a batch in which something is wrong, once more to find which. */
function compileBatchReader(table: Table, schema: ModelSchema, { dataFile, skipInvalid }: ProfileRequest) {
  const places = locateColumns(
    dataFile,
    table,
    schema.features.map(({ name }) => name),
  )
  const outcomes = schema.outputs.flatMap((output) =>
    isJudged(output) && table.columns.includes(output.name) ? [{ name: output.name, place: table.columns.indexOf(output.name) }] : [],
  )
  const readRows = compileRowReader(schema)
  const toRow = (cells: readonly Cell[]) =>
    Object.fromEntries(schema.features.map((feature, f) => [feature.name, toInputValue(feature, cells[places[f]!] ?? null)]))
  const toTruth = (batch: readonly (readonly Cell[])[]) =>
    new Map(outcomes.map(({ name, place }) => [name, Float64Array.from(batch, (cells) => toOutcome(cells[place] ?? null))]))

  /** @param seen - Rows before this batch. */
  return (batch: readonly (readonly Cell[])[], seen: number): Batch => {
    const all = batch.map(toRow)
    const rows = readRows(all)
    if (rows.faultCount === 0) return { rows, truth: toTruth(batch), left: 0 }
    const good = all.map((row, r) => {
      const { faults, faultCount } = readRows([row])
      if (faultCount > 0 && !skipInvalid) {
        throw profileErrors.MW_PROFILE_ROWS_INVALID(`${dataFile}, row ${seen + r + 1}: ${faults[0]!.field} ${faults[0]!.message}`)
      }
      return faultCount === 0
    })
    const kept = all.filter((_, r) => good[r])
    return { rows: readRows(kept), truth: toTruth(batch.filter((_, r) => good[r])), left: all.length - kept.length }
  }
}

function toOutcome(cell: Cell): number {
  const value = cell === null || typeof cell === 'boolean' ? Number.NaN : toNumber(cell)
  return typeof value === 'number' ? value : Number.NaN
}

const PREDICT_ROWS_MAX = 1024

/** @returns by output, in the schema's order. */
async function predictAll(columns: Columns, model: LoadedModel): Promise<Column[]> {
  const pieces: (readonly Column[])[] = []
  for (let from = 0; from < columns.rows; from += PREDICT_ROWS_MAX) {
    pieces.push(await model.predict(sliceRows(columns, from, Math.min(columns.rows, from + PREDICT_ROWS_MAX))))
  }
  return pieces[0]!.map((_, o) => joinColumns(pieces.map((piece) => piece[o]!)))
}

/** What a model throws is its own, and no more than a message. */
const toModelError =
  (dataFile: string, rowsRead: number) =>
  (error: unknown): never => {
    if (error instanceof ModelwatchError) throw error
    throw profileErrors.MW_PROFILE_MODEL_FAILED(`the model failed within the first ${rowsRead} rows of ${dataFile}: ${messageOf(error)}`, {
      cause: error,
    })
  }

/** A model that answers nothing of use on the rows it was trained on is broken, and its profile would call every later answer normal. */
function refuseEmptyOutputs({ values, rows }: Reference, dataFile: string): void {
  for (const value of values) {
    if (value.role !== 'output' || value.rows.some((count) => count > 0)) continue
    const nothing = value.kind === 'number' ? 'a finite number' : 'one of its classes'
    throw profileErrors.MW_PROFILE_OUTPUT_EMPTY(`the model never answers ${nothing} for ${value.name}, in ${rows} rows of ${dataFile}`)
  }
}
