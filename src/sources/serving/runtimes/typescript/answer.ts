import { type Column, type ModelSchema, type Output, widthOf, zeros } from '../../../../watch/contract.ts'
import { runtimeErrors } from '../errors.ts'

const WIDE = {
  int64: { array: BigInt64Array, min: -(2n ** 63n), max: 2n ** 63n - 1n },
  uint64: { array: BigUint64Array, min: 0n, max: 2n ** 64n - 1n },
} as const

/**
 * What a predictor answered, as columns in the schema's order, checked value by value: nothing is guessed or filled in, but that a number may be absent.
 * @param rows - How many rows it was asked for.
 * @throws MW_MODEL_ANSWER naming output and row.
 */
export function readAnswer(schema: ModelSchema, answer: unknown, rows: number): Column[] {
  if (typeof answer !== 'object' || answer === null) {
    throw runtimeErrors.MW_MODEL_ANSWER(`predict must answer columns by output, or a list of rows; it answered ${show(answer)}`)
  }
  const byRow = Array.isArray(answer)
  if (byRow && answer.length !== rows) {
    throw runtimeErrors.MW_MODEL_ANSWER(`predict answered ${answer.length} rows where ${rows} were asked for`)
  }
  return schema.outputs.map((output) => {
    const values = byRow ? answer.map((row, r) => fieldOf(row, output, r)) : columnOf(answer as Record<string, unknown>, output)
    return toColumn(output, values, rows)
  })
}

function fieldOf(row: unknown, { name }: Output, r: number): unknown {
  if (typeof row !== 'object' || row === null)
    throw runtimeErrors.MW_MODEL_ANSWER(`row ${r}: must be an object by output, got ${show(row)}`)
  if (!(name in row)) throw unfit(name, r, `is missing; the row has ${Object.keys(row).join(', ') || 'no fields'}`)
  return (row as Readonly<Record<string, unknown>>)[name]
}

function columnOf(answer: Readonly<Record<string, unknown>>, { name }: Output): ArrayLike<unknown> {
  const column = answer[name]
  if (column === undefined) {
    throw runtimeErrors.MW_MODEL_ANSWER(`the output ${name} is missing; predict answered ${Object.keys(answer).join(', ') || 'no columns'}`)
  }
  if (!isList(column)) throw runtimeErrors.MW_MODEL_ANSWER(`the output ${name} must be a list, got ${show(column)}`)
  return column
}

function toColumn(output: Output, values: ArrayLike<unknown>, rows: number): Column {
  const { name, kind, shape } = output
  const type = kind === 'classification' ? 'text' : kind === 'value' ? (output.type ?? 'number') : 'number'
  const width = widthOf(shape)
  if (values instanceof Float64Array && type === 'number' && values.length === rows * width) return values
  const flat = shape === undefined ? values : flatten(name, values, rows, width)
  if (flat.length !== rows * width) {
    throw runtimeErrors.MW_MODEL_ANSWER(`the output ${name} has ${flat.length} values; ${rows} rows need ${rows * width}`)
  }
  switch (type) {
    case 'number':
      return toNumbers(name, flat, width)
    case 'int64':
    case 'uint64':
      return toWide(name, type, flat)
    case 'text':
      return each(flat, (value, r) =>
        typeof value === 'string'
          ? value
          : wrong(name, r, output.classes === undefined ? 'text' : `one of ${output.classes.join(', ')}`, value),
      )
    case 'image':
      return each(flat, (value, r) => (value instanceof Uint8Array ? value : wrong(name, r, 'the bytes of an image, a Uint8Array', value)))
  }
}

/** Rows that are lists become one list; a list of all numbers stays as it is. */
function flatten(name: string, values: ArrayLike<unknown>, rows: number, width: number): ArrayLike<unknown> {
  if (values.length !== rows || (values.length > 0 && !isList(values[0]))) return values
  const flat: unknown[] = []
  for (let r = 0; r < rows; r++) {
    const before = flat.length
    gather(values[r], flat)
    if (flat.length - before !== width) throw unfit(name, r, `has ${flat.length - before} values where its shape has ${width}`)
  }
  return flat
}

function gather(value: unknown, into: unknown[]): void {
  if (isList(value)) for (let i = 0; i < value.length; i++) gather(value[i], into)
  else into.push(value)
}

function toNumbers(name: string, values: ArrayLike<unknown>, width: number): Float64Array {
  const column = zeros(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value === 'number') column[i] = value
    else if (value === undefined || value === null) column[i] = Number.NaN
    else throw wrong(name, Math.floor(i / width), 'a number', value)
  }
  return column
}

function toWide(name: string, type: keyof typeof WIDE, values: ArrayLike<unknown>): BigInt64Array | BigUint64Array {
  const { array, min, max } = WIDE[type]
  if (values instanceof array) return values
  const column = new array(values.length)
  for (let r = 0; r < values.length; r++) {
    const value = values[r]
    const wide = typeof value === 'bigint' ? value : Number.isSafeInteger(value) ? BigInt(value as number) : undefined
    if (wide === undefined || wide < min || wide > max)
      throw wrong(name, r, `a whole number of ${type} (a bigint, or a number without loss)`, value)
    column[r] = wide
  }
  return column
}

function each<T>(values: ArrayLike<unknown>, check: (value: unknown, row: number) => T): T[] {
  return Array.from(values, check)
}

const isList = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value)

const unfit = (name: string, row: number, reason: string) => runtimeErrors.MW_MODEL_ANSWER(`row ${row}: the output ${name} ${reason}`)

function wrong(name: string, row: number, wanted: string, value: unknown): never {
  throw unfit(name, row, `must be ${wanted}, got ${show(value)}`)
}

const TEXT_SHOWN_MAX = 60

function show(value: unknown): string {
  if (typeof value === 'string') return `the string ${JSON.stringify(value.slice(0, TEXT_SHOWN_MAX))}`
  if (isList(value)) return `a list of ${value.length}`
  if (typeof value === 'bigint') return `the bigint ${value}`
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}
