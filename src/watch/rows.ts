import type { SpecialBin } from './bins.ts'
import type { Feature, ModelSchema } from './schema.ts'

/** What a value can break. `unknown` is a field the model does not have. */
export const violationRules = ['missing', 'type', 'range', 'category', 'nonfinite', 'unknown'] as const
export type ViolationRule = (typeof violationRules)[number]

/**
 * Values of one feature or output, row by row; where it has a shape, a row's values stand one after the other, in row-major order.
 * Numbers, integers and booleans (0 or 1) are a Float64Array, 64-bit integers a BigInt64Array or BigUint64Array, categories and text strings,
 * pictures the bytes of their files.
 */
export type Column = Float64Array | BigInt64Array | BigUint64Array | readonly string[] | readonly Uint8Array[]

/** Rows as columns, one per feature in the schema's order: numbers, integers and booleans (0 or 1) as Float64Array, categories as strings. */
export interface Columns {
  readonly rows: number
  /** shape [features][rows]. A value that is absent or unreadable is NaN, or '' in a category. */
  readonly values: readonly (Float64Array | readonly string[])[]
}

/** One broken rule, for the client. */
export interface RowFault {
  readonly row: number
  /** '' when the row itself is at fault. */
  readonly field: string
  readonly rule: ViolationRule
  readonly message: string
}

/** A cell whose bin does not follow from its column: it was absent, or of the wrong type. */
export interface SpecialCell {
  readonly row: number
  readonly feature: number
  readonly bin: Extract<SpecialBin, 'missing' | 'invalid'>
}

export interface ReadRows {
  readonly columns: Columns
  readonly specials: readonly SpecialCell[]
  /** The first `FAULTS_MAX` of those that refuse a row. */
  readonly faults: readonly RowFault[]
  /** All of them. 0 means that every row may be served. */
  readonly faultCount: number
  /** How often each rule was broken, also where the row is served all the same. Empty when none was. */
  readonly violations: readonly Violation[]
}

export interface Violation {
  /** The feature's name, '' for a field that the model does not have: its name is the client's, so it is no label. */
  readonly name: string
  readonly rule: ViolationRule
  readonly count: number
}

/** Faults described in one answer; more are only counted. */
export const FAULTS_MAX = 100
/** Unknown fields looked at in one request; the rest of a body that is made of them is passed over. */
const UNKNOWN_FIELDS_MAX = 1000

const isRow = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Compiles a model's schema into the reader of its rows: checks every value, and lays them out as columns for the model and for the bins.
 * Nothing is coerced: null, "1", NaN, an unknown or a missing field never becomes a number.
 */
export function compileRowReader(schema: ModelSchema): (rows: readonly unknown[]) => ReadRows {
  const { features } = schema
  const names = new Set(features.map(({ name }) => name))
  const categories = features.map(({ categories }) => (categories === undefined ? undefined : new Set(categories)))

  return (rows) => {
    const found = new Findings(features)
    const values = features.map((feature, f) => {
      const { range } = feature
      const column: Float64Array | string[] = feature.type === 'category' ? [] : new Float64Array(rows.length)
      for (let r = 0; r < rows.length; r++) {
        const row = rows[r]
        const value = isRow(row) ? row[feature.name] : undefined
        if (typeof value === 'number' && (feature.type === 'number' || feature.type === 'integer')) {
          column[r] = value
          if (!Number.isFinite(value)) found.break(r, f, 'nonfinite', () => 'must be a finite number')
          else if (feature.type === 'integer' && !Number.isSafeInteger(value)) found.invalid(r, f, column, value)
          else if (range !== undefined && (value < range[0] || value > range[1])) {
            found.breakSoft(r, f, 'range', () => `must lie between ${range[0]} and ${range[1]}, got ${value}`)
          }
        } else if (typeof value === 'string' && feature.type === 'category') {
          column[r] = value
          if (categories[f] !== undefined && !categories[f].has(value)) {
            found.breakSoft(r, f, 'category', () => `must be one of ${feature.categories!.join(', ')}, got ${show(value)}`)
          }
        } else if (typeof value === 'boolean' && feature.type === 'boolean') {
          column[r] = value ? 1 : 0
        } else if (!isRow(row)) {
          found.unreadable(r, f, column)
        } else if (value === undefined || value === null || !Object.hasOwn(row, feature.name)) {
          found.missing(r, f, column, value === null)
        } else {
          found.invalid(r, f, column, value)
        }
      }
      return column
    })
    for (let r = 0; r < rows.length; r++) found.checkFields(r, rows[r], names)
    return { columns: { rows: rows.length, values }, ...found.result() }
  }
}

/** Gathers what was wrong while the columns are filled. On good rows it stays empty and allocates nothing. */
class Findings {
  readonly #features: readonly Feature[]
  readonly #specials: SpecialCell[] = []
  readonly #faults: RowFault[] = []
  #faultCount = 0
  #unknownFields = 0
  readonly #violations = new Map<string, { name: string; rule: ViolationRule; count: number }>()

  constructor(features: readonly Feature[]) {
    this.#features = features
  }

  result(): Omit<ReadRows, 'columns'> {
    this.#faults.sort((a, b) => a.row - b.row)
    return { specials: this.#specials, faults: this.#faults, faultCount: this.#faultCount, violations: [...this.#violations.values()] }
  }

  missing(row: number, feature: number, column: Float64Array | string[], isNull: boolean): void {
    this.#blank(row, feature, column, 'missing')
    if (isNull && this.#features[feature]!.nullable) this.#count(this.#features[feature]!.name, 'missing')
    else this.break(row, feature, 'missing', () => (isNull ? 'must not be null' : 'is missing'))
  }

  invalid(row: number, feature: number, column: Float64Array | string[], value: unknown): void {
    this.#blank(row, feature, column, 'invalid')
    this.break(row, feature, 'type', () => `must be ${articles[this.#features[feature]!.type]}, got ${show(value)}`)
  }

  /** A cell of a row that is no object: one fault is enough for the whole row. */
  unreadable(row: number, feature: number, column: Float64Array | string[]): void {
    this.#blank(row, feature, column, 'invalid')
    this.#count(this.#features[feature]!.name, 'type')
    if (feature === 0) this.#fault(row, '', 'type', () => 'must be an object with a field for each feature')
  }

  break(row: number, feature: number, rule: ViolationRule, tell: () => string): void {
    const { name } = this.#features[feature]!
    this.#count(name, rule)
    this.#fault(row, name, rule, tell)
  }

  /** A value that is possible to serve, though not to believe: the schema says which. */
  breakSoft(row: number, feature: number, rule: ViolationRule, tell: () => string): void {
    const { name, enforce } = this.#features[feature]!
    this.#count(name, rule)
    if (enforce === 'reject') this.#fault(row, name, rule, tell)
  }

  checkFields(index: number, row: unknown, names: ReadonlySet<string>): void {
    if (!isRow(row)) return
    for (const field in row) {
      if (names.has(field)) continue
      if (this.#unknownFields++ === UNKNOWN_FIELDS_MAX) return // Enough to refuse the request and to see the fault in the metrics.
      this.#count('', 'unknown')
      this.#fault(index, field, 'unknown', () => `is not a feature of the model; its features are ${[...names].join(', ')}`)
    }
  }

  #blank(row: number, feature: number, column: Float64Array | string[], bin: SpecialCell['bin']): void {
    if (column instanceof Float64Array) column[row] = Number.NaN
    else column[row] = ''
    this.#specials.push({ row, feature, bin })
  }

  #count(name: string, rule: ViolationRule): void {
    const key = `${name} ${rule}`
    const entry = this.#violations.get(key)
    if (entry === undefined) this.#violations.set(key, { name, rule, count: 1 })
    else entry.count++
  }

  /** @param tell - Asked only while faults are still described. */
  #fault(row: number, field: string, rule: ViolationRule, tell: () => string): void {
    this.#faultCount++
    if (this.#faults.length < FAULTS_MAX) this.#faults.push({ row, field: field.slice(0, FIELD_SHOWN_MAX), rule, message: tell() })
  }
}

const FIELD_SHOWN_MAX = 64
const VALUE_SHOWN_MAX = 60

const articles = {
  number: 'a number',
  integer: `a whole number of at most ±${Number.MAX_SAFE_INTEGER}, which JSON carries exactly`,
  boolean: 'true or false',
  category: 'a string',
} as const

/** A client's value in an error: its kind and, where it is short, itself. Never looks inside: a stranger chose its depth. */
function show(value: unknown): string {
  if (typeof value === 'string') {
    return `the string ${value.length > VALUE_SHOWN_MAX ? `${JSON.stringify(value.slice(0, VALUE_SHOWN_MAX))}…` : JSON.stringify(value)}`
  }
  if (Array.isArray(value)) return `a list of ${value.length}`
  return typeof value === 'object' ? 'an object' : String(value)
}
