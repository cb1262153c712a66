import { type Column, zeros } from './columns.ts'
import type { ReadRows } from './rows.ts'
import { scanNumber } from './scan-number.ts'
import { compileStringFinder, isSpace, matchBytes, matchWords, skipSpace, stringEnd, toWords } from './scan-values.ts'
import type { Feature, ModelSchema } from './schema.ts'

/** Rows without a fault. */
export interface ScannedRows {
  readonly read: ReadRows
  /** Whether the body was one row, and not a list under `rows`. */
  readonly single: boolean
}

const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET, COMMA, COLON] = [0x7b, 0x7d, 0x5b, 0x5d, 0x2c, 0x3a]
const [NUMBER, INTEGER, BOOLEAN, KNOWN_TEXT, ANY_TEXT] = [0, 1, 2, 3, 4]
/** Values that the room kept from one body to the next may hold; for a body with more, there is room while it is read. */
const KEPT_VALUES_MAX = 65_536
const ROWS_AT_FIRST = 16
const none: readonly never[] = Object.freeze([])

/**
 * Compiles a model's schema into the quick way from a body's bytes to columns: no object is made of any row. It only ever says yes: what is
 * wrong, unusual or merely counted gives undefined, and the caller goes the long way (JSON.parse, then `compileRowReader`), which has the words
 * and the counts for it. What the quick way gives, the long way gives bit by bit.
 *
 * @param rowsMax - A body with more rows gives undefined, and so does one with an empty list.
 * @returns undefined for a schema with a shape, a picture or a 64-bit integer. The columns are new ones; the bytes may be used again.
 */
export function compileRowScanner(schema: ModelSchema, rowsMax: number): ((bytes: Buffer) => ScannedRows | undefined) | undefined {
  const { features } = schema
  const kinds = features.map(kindOf)
  if (kinds.includes(undefined)) return undefined
  const width = features.length
  const scanRow = compileRow(features, kinds as number[])
  const rowsName = features.some(({ name }) => name === 'rows') ? undefined : Buffer.from('"rows"')
  const hasText = kinds.includes(ANY_TEXT)
  const noTexts: string[][] = []
  let kept = new Float64Array(ROWS_AT_FIRST * width)

  return (bytes) => {
    let end = bytes.length
    while (end > 0 && isSpace(bytes[end - 1]!)) end--
    if (bytes[end - 1] !== CLOSE_BRACE) return undefined // What is scanned must end with it.
    const start = skipSpace(bytes, 0)
    if (bytes[start] !== OPEN_BRACE) return undefined
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const texts = hasText ? kinds.map((): string[] => []) : noTexts
    const list = rowsName === undefined ? -1 : matchBytes(bytes, skipSpace(bytes, start + 1), rowsName)
    if (list < 0) {
      if (scanRow(bytes, view, start, 0, kept, texts) !== end) return undefined
      return { read: toRead(features, 1, kept, texts), single: true }
    }
    let i = skipSpace(bytes, list)
    if (bytes[i] !== COLON) return undefined
    i = skipSpace(bytes, i + 1)
    if (bytes[i] !== OPEN_BRACKET) return undefined
    let cells = kept
    let rows = 0
    do {
      if (rows === rowsMax) return undefined
      if ((rows + 1) * width > cells.length) {
        cells = grown(cells)
        if (cells.length <= KEPT_VALUES_MAX) kept = cells
      }
      i = scanRow(bytes, view, skipSpace(bytes, i + 1), rows++, cells, texts)
      if (i < 0) return undefined
      i = skipSpace(bytes, i)
    } while (bytes[i] === COMMA)
    if (bytes[i] !== CLOSE_BRACKET) return undefined
    i = skipSpace(bytes, i + 1)
    if (bytes[i] !== CLOSE_BRACE || i + 1 !== end) return undefined
    return { read: toRead(features, rows, cells, texts), single: false }
  }
}

function kindOf({ type, shape, categories }: Feature): number | undefined {
  if (shape !== undefined) return undefined
  if (type === 'number') return NUMBER
  if (type === 'integer') return INTEGER
  if (type === 'boolean') return BOOLEAN
  if (type === 'category') return categories === undefined ? ANY_TEXT : KNOWN_TEXT
  return undefined
}

/**
 * The scanner of one row that begins at `start`, into its line of `cells`: a number, 0 or 1, or the index of a category; other text goes to `texts`.
 * Gives the position behind it, or -1.
 */
function compileRow(features: readonly Feature[], kinds: readonly number[]) {
  const width = features.length
  const names = features.map(({ name }) => toWords(`"${name}":`))
  const findName = compileStringFinder(features.map(({ name }) => name))
  const findCategory = features.map(({ categories }) => compileStringFinder(categories ?? []))
  const lows = Float64Array.from(features, ({ type, range }) => Math.max(range?.[0] ?? -Infinity, -largest(type)))
  const highs = Float64Array.from(features, ({ type, range }) => Math.min(range?.[1] ?? Infinity, largest(type)))
  /** Which feature stood where in the row before: a client seldom changes its order. */
  const order = Uint32Array.from(features, (_, f) => f)
  /** The row in which a feature was last seen, so that none stands twice. */
  const seenIn = new Int32Array(width)

  return (bytes: Buffer, view: DataView, start: number, row: number, cells: Float64Array, texts: readonly string[][]): number => {
    if (bytes[start] !== OPEN_BRACE) return -1
    if (row === 0) seenIn.fill(-1)
    let i = start + 1
    for (let k = 0; k < width; k++) {
      i = skipSpace(bytes, i)
      let f = order[k]!
      let after = matchWords(view, i, names[f]!)
      if (after < 0) {
        after = stringEnd(bytes, i)
        if (after < 0) return -1
        f = findName(bytes, i + 1, after - 1)
        if (f < 0) return -1
        order[k] = f
        after = skipSpace(bytes, after)
        if (bytes[after++] !== COLON) return -1
      }
      if (seenIn[f] === row) return -1
      seenIn[f] = row
      const at = row * width + f
      const kind = kinds[f]!
      i = skipSpace(bytes, after)
      if (kind <= INTEGER) {
        i = scanNumber(bytes, i, cells, at)
        const value = cells[at]!
        if (!(value >= lows[f]! && value <= highs[f]!) || (kind === INTEGER && Math.floor(value) !== value)) return -1
      } else if (kind === BOOLEAN) {
        i = scanBoolean(bytes, i, cells, at)
      } else {
        const from = i + 1
        i = stringEnd(bytes, i)
        if (i < 0) return -1
        if (kind === ANY_TEXT) texts[f]!.push(bytes.toString('utf8', from, i - 1))
        else {
          const category = findCategory[f]!(bytes, from, i - 1)
          if (category < 0) return -1
          cells[at] = category
        }
      }
      if (i < 0) return -1
      i = skipSpace(bytes, i)
      if (bytes[i++] !== (k + 1 === width ? CLOSE_BRACE : COMMA)) return -1
    }
    return i
  }
}

const largest = (type: Feature['type']) => (type === 'integer' ? Number.MAX_SAFE_INTEGER : Number.MAX_VALUE)

const words = [Buffer.from('false'), Buffer.from('true')] as const

function scanBoolean(bytes: Buffer, start: number, cells: Float64Array, at: number): number {
  const isTrue = bytes[start] === words[1][0]
  cells[at] = isTrue ? 1 : 0
  return matchBytes(bytes, start, words[isTrue ? 1 : 0])
}

function grown(cells: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(cells.length * 2)
  larger.set(cells)
  return larger
}

/** Lines of cells as columns. */
function toRead(features: readonly Feature[], rows: number, cells: Float64Array, texts: readonly string[][]): ReadRows {
  const width = features.length
  const values = new Array<Column>(width)
  for (let f = 0; f < width; f++) {
    const { type, categories } = features[f]!
    if (type === 'category') values[f] = categories === undefined ? texts[f]! : toCategories(categories, rows, cells, f, width)
    else values[f] = toNumbers(rows, cells, f, width)
  }
  return { columns: { rows, values }, specials: none, faults: none, faultCount: 0, violations: none }
}

function toNumbers(rows: number, cells: Float64Array, f: number, width: number): Float64Array {
  const column = zeros(rows)
  for (let r = 0, at = f; r < rows; r++, at += width) column[r] = cells[at]!
  return column
}

function toCategories(categories: readonly string[], rows: number, cells: Float64Array, f: number, width: number): string[] {
  const column = new Array<string>(rows)
  for (let r = 0; r < rows; r++) column[r] = categories[cells[r * width + f]!]!
  return column
}
