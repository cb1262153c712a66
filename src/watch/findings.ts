import type { SpecialBin } from './bins.ts'
import { widthOf } from './columns.ts'
import type { Feature } from './schema.ts'

/** What a value can break. `unknown` is a field the model does not have. */
export const violationRules = ['missing', 'type', 'range', 'category', 'nonfinite', 'unknown'] as const
export type ViolationRule = (typeof violationRules)[number]

/** One broken rule, for the client. */
export interface RowFault {
  readonly row: number
  /** '' when the row itself is at fault. */
  readonly field: string
  readonly rule: ViolationRule
  /** Goes on from the field's name: `must be a number, got …`; of a value with a shape, `[0][2] must be …`. */
  readonly message: string
}

/** Values whose bin does not follow from their column: they were absent, or of the wrong type. In the column stands NaN or '' for them. */
export interface SpecialCell {
  readonly row: number
  readonly feature: number
  readonly bin: Extract<SpecialBin, 'missing' | 'invalid'>
  /** How many values of that row: 1, or up to as many as the feature's shape has. */
  readonly count: number
}

export interface Violation {
  /** The feature's name, '' for a field that the model does not have: its name is the client's, so it is no label. */
  readonly name: string
  readonly rule: ViolationRule
  readonly count: number
}

export interface FoundFaults {
  readonly specials: readonly SpecialCell[]
  /** The first `FAULTS_MAX` of those that refuse a row. */
  readonly faults: readonly RowFault[]
  /** All of them. 0 means that every row may be served. */
  readonly faultCount: number
  /** How often each rule was broken, also where the row is served all the same. Empty when none was. */
  readonly violations: readonly Violation[]
}

/** Faults described in one answer; more are only counted. */
export const FAULTS_MAX = 100
/** Unknown fields looked at in one request; the rest of a body that is made of them is passed over. */
const UNKNOWN_FIELDS_MAX = 1000
const FIELD_SHOWN_MAX = 64
const VALUE_SHOWN_MAX = 60

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export const isRow = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Gathers what was wrong while the columns are filled. On good rows it stays empty and allocates nothing. */
export class Findings {
  readonly #features: readonly Feature[]
  readonly #specials: Mutable<SpecialCell>[] = []
  readonly #faults: RowFault[] = []
  #faultCount = 0
  #unknownFields = 0
  readonly #violations = new Map<string, Mutable<Violation>>()

  constructor(features: readonly Feature[]) {
    this.#features = features
  }

  result(): FoundFaults {
    this.#faults.sort((a, b) => a.row - b.row)
    return { specials: this.#specials, faults: this.#faults, faultCount: this.#faultCount, violations: [...this.#violations.values()] }
  }

  /**
   * A value that cannot be read, whatever the reason: the row is no object, the field is absent or null, or it is of another type.
   * In its column stands what says so already: NaN, '' or no bytes.
   */
  unread(row: number, feature: number, rows: readonly unknown[]): void {
    const { name } = this.#features[feature]!
    const fields = rows[row]
    if (!isRow(fields)) this.#unreadable(row, feature)
    else if (!Object.hasOwn(fields, name) || fields[name] === undefined) this.#missing(row, feature, false)
    else if (fields[name] === null) this.#missing(row, feature, true)
    else this.invalid(row, feature, (got) => `must be ${wanted(this.#features[feature]!)}, got ${got}`, fields[name])
  }

  /** A value of the wrong type or form. @param tell - What it must be, given how the one that came is shown. */
  invalid(row: number, feature: number, tell: (got: string) => string, value: unknown): void {
    this.special(row, feature, 'invalid', widthOf(this.#features[feature]!.shape))
    this.break(row, feature, 'type', () => tell(show(value)))
  }

  /** One value inside a shape that is null or of the wrong type. @param place - As `[0][2]`. */
  element(row: number, feature: number, place: () => string, value: unknown): void {
    const isNull = value === null || value === undefined
    this.special(row, feature, isNull ? 'missing' : 'invalid', 1)
    this.break(row, feature, isNull ? 'missing' : 'type', () =>
      isNull ? `${place()} must not be null` : `${place()} must be ${articles[this.#features[feature]!.type]}, got ${show(value)}`,
    )
  }

  special(row: number, feature: number, bin: SpecialCell['bin'], count: number): void {
    const last = this.#specials.at(-1) // One entry for a row's values, however many of them are wrong.
    if (last !== undefined && last.row === row && last.feature === feature && last.bin === bin) last.count += count
    else this.#specials.push({ row, feature, bin, count })
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

  #missing(row: number, feature: number, isNull: boolean): void {
    const { name, nullable, shape } = this.#features[feature]!
    this.special(row, feature, 'missing', widthOf(shape))
    if (isNull && nullable) this.#count(name, 'missing')
    else this.break(row, feature, 'missing', () => (isNull ? 'must not be null' : 'is missing'))
  }

  /** A cell of a row that is no object: one fault is enough for the whole row. */
  #unreadable(row: number, feature: number): void {
    const { name, shape } = this.#features[feature]!
    this.special(row, feature, 'invalid', widthOf(shape))
    this.#count(name, 'type')
    if (feature === 0) this.#fault(row, '', 'type', () => 'must be an object with a field for each feature')
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

/** What a value of each type must be. */
const articles: Readonly<Record<Feature['type'], string>> = {
  number: 'a number',
  integer: `a whole number of at most ±${Number.MAX_SAFE_INTEGER}, which JSON carries exactly`,
  boolean: 'true or false',
  category: 'a string',
  int64: `a whole number from ${-(2n ** 63n)} to ${2n ** 63n - 1n}, as a string of digits beyond ±${Number.MAX_SAFE_INTEGER}`,
  uint64: `a whole number from 0 to ${2n ** 64n - 1n}, as a string of digits beyond ${Number.MAX_SAFE_INTEGER}`,
  image: 'a picture file in base64, without line breaks',
}

function wanted({ type, shape }: Feature): string {
  if (shape === undefined) return articles[type]
  const flat = shape.length === 1 ? '' : `, nested [${shape.join(', ')}] or flat`
  return `a list of ${widthOf(shape)} values${flat}`
}

/** A client's value in an error: its kind and, where it is short, itself. Never looks inside: a stranger chose its depth. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    return `the string ${value.length > VALUE_SHOWN_MAX ? `${JSON.stringify(value.slice(0, VALUE_SHOWN_MAX))}…` : JSON.stringify(value)}`
  }
  if (Array.isArray(value)) return `a list of ${value.length}`
  return typeof value === 'object' ? 'an object' : String(value)
}
