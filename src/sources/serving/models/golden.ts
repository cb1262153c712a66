import { type Static, Type } from 'typebox'
import { Value as Schema } from 'typebox/value'
import { type ParsedConfig, parseConfig } from '../../../core/config.ts'
import { messageOf } from '../../../core/errors.ts'
import { type Column, type Columns, compileRowReader, type ModelSchema, type Output, sliceRows, widthOf } from '../../../watch/index.ts'
import { proofErrors } from './proof-errors.ts'

const ROWS_MAX = 1000
const TOLERANCE = 1e-5
/** Rows of one call: no more than a batch of requests would have. */
const CALL_ROWS_MAX = 256

/** `golden.json`: rows whose answers are known, such as a model gave them where it was trained. */
const Golden = Type.Array(
  Type.Object(
    {
      inputs: Type.Record(Type.String(), Type.Unknown(), { description: 'A row, as a client would send it.' }),
      outputs: Type.Record(Type.String(), Type.Unknown(), {
        minProperties: 1,
        description:
          'What the model must answer: numbers, classes, nested or flat lists; null for no number. Outputs left out are not compared.',
      }),
      tolerance: Type.Optional(
        Type.Number({
          minimum: 0,
          description: 'How far a number may be off: by this much, and by this share of the number that is expected; 1e-5 where left out.',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  { minItems: 1, maxItems: ROWS_MAX },
)

/** A value that is expected: a number (NaN: none), a whole one of 64 bits, a class or text. */
type Value = number | bigint | string

interface Expected {
  /** Place of the output in the schema. */
  readonly output: number
  /** shape [width]. */
  readonly values: readonly Value[]
}

/** Golden rows, read and checked against the schema. */
export interface GoldenRows {
  readonly file: string
  readonly columns: Columns
  /** shape [rows]. */
  readonly rows: readonly { readonly tolerance: number; readonly expected: readonly Expected[] }[]
}

/**
 * Reads golden.json.
 * @throws MW_CONFIG_INVALID naming the row and the field: a row that the schema refuses, an output that the model does not have, a value of another kind
 *   or shape than the output's.
 */
export function parseGolden(text: string, { file }: { readonly file: string }, schema: ModelSchema): GoldenRows {
  // A YAML parser knows where a fault stands, and takes a hundred times as long as one for JSON: it is asked when there is one.
  const refuse: Refuse = (path, reason) => parseConfig(Golden, text, { file }).error(path, reason)
  const found = readQuickly(text) ?? parseConfig(Golden, text, { file }).value
  const { columns, faults } = compileRowReader(schema)(found.map(({ inputs }) => inputs))
  const fault = faults[0]
  if (fault !== undefined) throw refuse([fault.row, 'inputs', ...(fault.field === '' ? [] : [fault.field])], fault.message)
  const rows = found.map(({ outputs, tolerance = TOLERANCE }, row) => ({
    tolerance,
    expected: Object.entries(outputs).map(([name, value]) => toExpected(refuse, row, name, value, schema)),
  }))
  return { file, columns, rows }
}

type Refuse = ParsedConfig<unknown>['error']

/** @returns undefined for anything that is not as it must be. */
function readQuickly(text: string): Static<typeof Golden> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Schema.Check(Golden, value) ? value : undefined
  } catch {
    return undefined
  }
}

function toExpected(refuse: Refuse, row: number, name: string, value: unknown, schema: ModelSchema): Expected {
  const at = [row, 'outputs', name]
  const output = schema.outputs.findIndex((one) => one.name === name)
  const spec = schema.outputs[output]
  if (spec === undefined) throw refuse(at, `is no output of the model; its outputs are ${schema.outputs.map((one) => one.name).join(', ')}`)
  const width = widthOf(spec.shape)
  const shape = shapeOf(value)
  const fits = shape !== undefined && (isFlat(shape, width) || sameShape(shape, spec.shape ?? []))
  if (!fits) throw refuse(at, `must be ${spec.shape === undefined ? 'one value' : `a list of shape [${spec.shape.join(', ')}]`}`)
  const values = [value].flat(Number.POSITIVE_INFINITY).map((one) => {
    const read = readValue(one, spec)
    if (read === undefined)
      throw refuse(
        at,
        `${JSON.stringify(one)} is nothing that a ${spec.kind}${spec.type === undefined ? '' : ` of type ${spec.type}`} can be`,
      )
    return read
  })
  return { output, values }
}

/** The lengths of nested lists; undefined where they are ragged. A single value has none. */
function shapeOf(value: unknown): readonly number[] | undefined {
  if (!Array.isArray(value)) return []
  const inner = value.map(shapeOf)
  const first = inner[0]
  if (first === undefined || inner.some((one) => one === undefined || !sameShape(one, first))) return undefined
  return [value.length, ...first]
}

const sameShape = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((length, i) => length === b[i])
const isFlat = (shape: readonly number[], width: number) =>
  (shape.length === 0 && width === 1) || (shape.length === 1 && shape[0] === width)

/** @returns undefined for a value that the output can never have. */
function readValue(value: unknown, { kind, type, classes }: Output): Value | undefined {
  if (kind === 'classification') return typeof value === 'string' && classes!.includes(value) ? value : undefined
  if (type === 'text') return typeof value === 'string' ? value : undefined
  if (type === 'image') return typeof value === 'string' ? value : undefined
  if (type === 'int64' || type === 'uint64') return toWhole(value)
  if (value === null) return Number.NaN
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** A number that JSON carries exactly, or its digits. */
function toWhole(value: unknown): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined
}

/**
 * Lets a model predict its golden rows, and compares: numbers within the row's tolerance, absolute and relative together
 * (|got − expected| ≤ tolerance · (1 + |expected|)); anything else exactly.
 *
 * @param predict - Of the loaded model.
 * @returns how many rows were compared.
 * @throws MW_GOLDEN_MISMATCH naming row, output, what was expected and what came; also when the model fails on its rows.
 */
export async function checkGolden(
  golden: GoldenRows,
  schema: ModelSchema,
  predict: (columns: Columns) => Promise<readonly Column[]>,
): Promise<number> {
  const { columns, file } = golden
  for (let from = 0; from < columns.rows; from += CALL_ROWS_MAX) {
    const to = Math.min(columns.rows, from + CALL_ROWS_MAX)
    const answered = await predict(sliceRows(columns, from, to)).catch((cause: unknown) => {
      throw proofErrors.MW_GOLDEN_MISMATCH(`the model fails on rows ${from + 1} to ${to} of ${file}: ${messageOf(cause)}`, { cause })
    })
    for (let r = from; r < to; r++) compareRow(golden, r, schema, answered, r - from, to - from)
  }
  return columns.rows
}

function compareRow(golden: GoldenRows, row: number, schema: ModelSchema, answered: readonly Column[], at: number, rows: number): void {
  const { tolerance, expected } = golden.rows[row]!
  for (const { output, values } of expected) {
    const column = answered[output]!
    const name = schema.outputs[output]!.name
    const where = `${golden.file}, row ${row + 1}, ${name}`
    if (column.length !== rows * values.length)
      throw proofErrors.MW_GOLDEN_MISMATCH(`${where}: ${values.length} values are expected, and the model answers ${column.length / rows}`)
    for (const [v, want] of values.entries()) {
      const got = toValue(column[at * values.length + v]!)
      if (agree(want, got, tolerance)) continue
      const place = values.length === 1 ? '' : `, value ${v + 1}`
      throw proofErrors.MW_GOLDEN_MISMATCH(`${where}${place}: expected ${show(want)}, got ${show(got)}${offBy(want, got, tolerance)}`)
    }
  }
}

/** A picture is compared by its bytes, written in base64. */
const toValue = (value: number | bigint | string | Uint8Array): Value =>
  value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value

function agree(want: Value, got: Value, tolerance: number): boolean {
  if (typeof want !== 'number' || typeof got !== 'number') return want === got
  if (Number.isNaN(want)) return Number.isNaN(got)
  return Math.abs(got - want) <= tolerance * (1 + Math.abs(want))
}

const SHOWN_MAX = 80

function show(value: Value): string {
  if (typeof value === 'number') return Number.isNaN(value) ? 'no number' : String(value)
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text
}

function offBy(want: Value, got: Value, tolerance: number): string {
  if (typeof want !== 'number' || typeof got !== 'number' || Number.isNaN(want - got)) return ''
  return `, off by ${Math.abs(got - want).toPrecision(3)} where ${(tolerance * (1 + Math.abs(want))).toPrecision(3)} is allowed`
}
