import { locateColumns, openTable } from '../../tables/index.ts'
import { type Feature, type Output, toInputValue, toNumber } from '../../watch/index.ts'
import { loadtestErrors } from './errors.ts'

/** A row ready to be sent, and what really happened, by output; empty where the file does not say. */
export interface ReplayRow {
  readonly body: string
  readonly actual: Readonly<Record<string, number>>
}

/** The model as the gateway describes it. */
export interface ModelDescription {
  readonly name: string
  readonly features: readonly Pick<Feature, 'name' | 'type'>[]
  readonly outputs: readonly Pick<Output, 'name' | 'kind'>[]
}

/** Most rows of a file that are held for replay; the rest is left out, and the caller is told. */
export const REPLAY_ROWS_MAX = 200_000

/**
 * Reads the rows of a file as request bodies. Columns bear the features' names; a column named as a numeric output is the true outcome.
 * Other columns are left alone.
 * @throws MW_TABLE_COLUMN_MISSING when a feature has no column; MW_REPLAY_EMPTY when there is no row.
 */
export async function readReplayRows(path: string, model: ModelDescription): Promise<{ rows: ReplayRow[]; truncated: boolean }> {
  const table = await openTable(path)
  const columns = locateColumns(
    path,
    table,
    model.features.map(({ name }) => name),
  )
  const outcomes = model.outputs.flatMap(({ name, kind }) =>
    kind === 'regression' && table.columns.includes(name) ? [{ name, column: table.columns.indexOf(name) }] : [],
  )
  const rows: ReplayRow[] = []
  for await (const batch of table.batches()) {
    for (const cells of batch) {
      if (rows.length === REPLAY_ROWS_MAX) return { rows, truncated: true }
      const fields = model.features.map(
        (feature, f) => `${JSON.stringify(feature.name)}:${toJson(toInputValue(feature, cells[columns[f]!] ?? null))}`,
      )
      const actual: Record<string, number> = {}
      for (const { name, column } of outcomes) {
        const cell = cells[column] ?? null
        const value = cell === null || typeof cell === 'boolean' ? Number.NaN : toNumber(cell)
        if (typeof value === 'number' && Number.isFinite(value)) actual[name] = value
      }
      rows.push({ body: `{${fields.join(',')}}`, actual })
    }
  }
  if (rows.length === 0) throw loadtestErrors.MW_REPLAY_EMPTY(`${path} holds no row`)
  return { rows, truncated: false }
}

/** NaN and infinities as Python's clients write them: to send null instead would hide from the gateway what the file holds. */
function toJson(value: unknown): string {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : JSON.stringify(value)
}
