import { compileRowScanner, type ModelSchema, type RowFault, type ScannedRows } from '../../../../watch/index.ts'
import type { ServedRevision } from '../../models/contract.ts'
import { gatewayErrors } from '../errors.ts'
import { parseJsonBody } from '../json-body.ts'

/** Of a name in an error: a stranger chose its length. */
const NAME_SHOWN_MAX = 64

/** One field that was refused, in the shape that FastAPI's users know, with row, field and rule beside it. */
export interface InputFault {
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly type: string
  readonly row: number
  readonly field: string
}

/**
 * Compiles a model's schema into the reader of its bodies: rows without a fault are read straight from their bytes where the schema allows it,
 * in about half the time; all others by way of JSON.parse, which finds the words for what is wrong.
 * What it compiled throws MW_BODY_INVALID.
 */
export function compileBodyReader(schema: ModelSchema, rowsMax: number) {
  const scan = compileRowScanner(schema, rowsMax)
  return (body: Buffer | undefined, { readRows }: Pick<ServedRevision, 'readRows'>): ScannedRows => {
    const scanned = body === undefined ? undefined : scan?.(body)
    if (scanned !== undefined) return scanned
    const { rows, single } = toRows(body === undefined ? undefined : parseJsonBody(body.toString()), schema, rowsMax)
    return { read: readRows(rows), single }
  }
}

/**
 * The rows of a body: one row, or many under `rows`; a model with a feature of that name takes one row at a time.
 * @throws MW_BODY_INVALID
 */
export function toRows(body: unknown, schema: ModelSchema, rowsMax: number): { rows: readonly unknown[]; single: boolean } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    const got = body === null ? 'null' : Array.isArray(body) ? 'a list' : `a ${typeof body}`
    throw gatewayErrors.MW_BODY_INVALID(`the body must be an object, got ${body === undefined ? 'nothing' : got}`)
  }
  const rowsIsFeature = schema.features.some(({ name }) => name === 'rows')
  if (rowsIsFeature || !('rows' in body)) return { rows: [body], single: true }
  const { rows, ...rest } = body
  if (!Array.isArray(rows)) throw gatewayErrors.MW_BODY_INVALID('rows must be a list of rows')
  const extra = Object.keys(rest)
  if (extra.length > 0)
    throw gatewayErrors.MW_BODY_INVALID(
      `beside rows nothing else may stand, got ${extra
        .slice(0, 5)
        .map((key) => key.slice(0, NAME_SHOWN_MAX))
        .join(', ')}`,
    )
  if (rows.length > rowsMax) throw gatewayErrors.MW_BODY_INVALID(`rows holds ${rows.length} rows; one request may have ${rowsMax}`)
  return { rows, single: false }
}

/** The refusal of a request, with the fields at fault in `detail`. */
export function toInputError(faults: readonly RowFault[], count: number, single: boolean): Error {
  const detail = faults.map(({ row, field, rule, message }): InputFault => {
    const loc = ['body', ...(single ? [] : ['rows', row]), ...(field === '' ? [] : [field])]
    return { loc, msg: message, type: rule, row, field }
  })
  const first = faults[0]!
  const where = [...(single ? [] : [`row ${first.row}`]), ...(first.field === '' ? [] : [first.field])].join(', ')
  const others = count === 1 ? '' : ` (and ${count - 1} more)`
  const error = gatewayErrors.MW_INPUT_INVALID(`${where === '' ? 'the row' : where} ${first.message}${others}`)
  return Object.assign(error, { detail, detailCount: count })
}
