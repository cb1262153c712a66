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

/** Values of a feature whose bin does not follow from their column: they were absent, or of the wrong type. In the column stands NaN or '' for them. */
export interface SpecialCount {
  readonly feature: number
  readonly bin: Extract<SpecialBin, 'missing' | 'invalid'>
  /** In all rows; where the feature has a shape, each of its values counts. */
  readonly count: number
}

export interface Violation {
  /** The feature's name, '' for a field that the model does not have: its name is the client's, so it is no label. */
  readonly name: string
  readonly rule: ViolationRule
  readonly count: number
}

export interface FoundFaults {
  /** By feature, those of which there are any. */
  readonly specials: readonly SpecialCount[]
  /** The first `FAULTS_MAX` of those that refuse a row. */
  readonly faults: readonly RowFault[]
  /** All of them. 0 means that every row may be served. */
  readonly faultCount: number
  /** How often each rule was broken, by feature, also where the row is served all the same; unknown fields last. Empty when none was. */
  readonly violations: readonly Violation[]
}

/** Faults described in one answer; more are only counted. */
export const FAULTS_MAX = 100
/** Unknown fields counted of one request: enough to refuse it, and to see the fault in the metrics. */
const UNKNOWN_FIELDS_MAX = 1000
const FIELD_SHOWN_MAX = 64
const VALUE_SHOWN_MAX = 60

const specialBins = ['missing', 'invalid'] as const

export const isRow = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Gathers what was wrong while the columns are filled. On good rows it allocates nothing; on bad ones next to nothing for each value, for a body that is
 * refused must not cost more than one that is served.
 */
export class Findings {
  readonly #features: readonly Feature[]
  readonly #faults: RowFault[] = []
  #faultCount = 0
  #unknownFields = 0
  /** Of each feature, in the order of `specialBins`. */
  #specials: Float64Array | undefined
  /** Of each feature, in the order of `violationRules`. */
  #violations: Float64Array | undefined

  constructor(features: readonly Feature[]) {
    this.#features = features
  }

  result(): FoundFaults {
    this.#faults.sort((a, b) => a.row - b.row)
    const specials = toCounts(this.#specials, this.#features, specialBins, (feature, bin, count): SpecialCount => ({ feature, bin, count }))
    const violations = toCounts(
      this.#violations,
      this.#features,
      violationRules,
      (feature, rule, count): Violation => ({ name: this.#features[feature]!.name, rule, count }),
    )
    if (this.#unknownFields > 0) violations.push({ name: '', rule: 'unknown', count: this.#unknownFields })
    return { specials, faults: this.#faults, faultCount: this.#faultCount, violations }
  }

  /**
   * A value that cannot be read, whatever the reason: the row is no object, the field is absent or null, or it is of another type.
   * In its column stands what says so already: NaN, '' or no bytes.
   */
  unread(row: number, feature: number, rows: readonly unknown[]): void {
    const fields = rows[row]
    const { name } = this.#features[feature]!
    if (!isRow(fields)) this.#unreadable(row, feature)
    else this.unreadValue(row, feature, Object.hasOwn(fields, name) ? fields[name] : undefined)
  }

  /** The same of a value that is known: undefined where it is absent. */
  unreadValue(row: number, feature: number, value: unknown): void {
    if (value === undefined) this.#missing(row, feature, false)
    else if (value === null) this.#missing(row, feature, true)
    else this.invalid(row, feature, (got) => `must be ${wanted(this.#features[feature]!)}, got ${got}`, value)
  }

  /** A value of the wrong type or form. @param tell - What it must be, given how the one that came is shown. */
  invalid(row: number, feature: number, tell: (got: string) => string, value: unknown): void {
    this.#special(feature, 'invalid', this.#width(feature))
    this.break(row, feature, 'type', () => tell(show(value)))
  }

  /** One value inside a shape that is null or of the wrong type. @param place - As `[0][2]`. */
  element(row: number, feature: number, place: () => string, value: unknown): void {
    const isNull = value === null || value === undefined
    this.#special(feature, isNull ? 'missing' : 'invalid', 1)
    this.break(row, feature, isNull ? 'missing' : 'type', () =>
      isNull ? `${place()} must not be null` : `${place()} must be ${articles[this.#features[feature]!.type]}, got ${show(value)}`,
    )
  }

  break(row: number, feature: number, rule: ViolationRule, tell: () => string): void {
    this.#count(feature, rule)
    this.#fault(row, this.#features[feature]!.name, rule, tell)
  }

  /** A value that is possible to serve, though not to believe: the schema says which. */
  breakSoft(row: number, feature: number, rule: ViolationRule, tell: () => string): void {
    const { name, enforce } = this.#features[feature]!
    this.#count(feature, rule)
    if (enforce === 'reject') this.#fault(row, name, rule, tell)
  }

  /** The fields of a row that the model does not have. @param names - Of the features. @returns false once enough of them were seen. */
  unknownFields(index: number, row: object, names: ReadonlySet<string>): boolean {
    for (const field in row) {
      if (names.has(field)) continue
      if (this.#unknownFields >= UNKNOWN_FIELDS_MAX) return false
      this.#unknownFields++
      this.#fault(index, field, 'unknown', () => `is not a feature of the model; its features are ${[...names].join(', ')}`)
    }
    return true
  }

  #missing(row: number, feature: number, isNull: boolean): void {
    const { nullable } = this.#features[feature]!
    this.#special(feature, 'missing', this.#width(feature))
    if (isNull && nullable) this.#count(feature, 'missing')
    else this.break(row, feature, 'missing', () => (isNull ? 'must not be null' : 'is missing'))
  }

  /** A cell of a row that is no object: one fault is enough for the whole row. */
  #unreadable(row: number, feature: number): void {
    this.#special(feature, 'invalid', this.#width(feature))
    this.#count(feature, 'type')
    if (feature === 0) this.#fault(row, '', 'type', () => 'must be an object with a field for each feature')
  }

  #width(feature: number): number {
    const { shape } = this.#features[feature]!
    return shape === undefined ? 1 : widthOf(shape)
  }

  #special(feature: number, bin: SpecialCount['bin'], count: number): void {
    this.#specials ??= new Float64Array(this.#features.length * specialBins.length)
    this.#specials[feature * specialBins.length + specialBins.indexOf(bin)]! += count
  }

  #count(feature: number, rule: ViolationRule): void {
    this.#violations ??= new Float64Array(this.#features.length * violationRules.length)
    this.#violations[feature * violationRules.length + violationRules.indexOf(rule)]! += 1
  }

  /** @param tell - Asked only while faults are still described. */
  #fault(row: number, field: string, rule: ViolationRule, tell: () => string): void {
    this.#faultCount++
    if (this.#faults.length < FAULTS_MAX) this.#faults.push({ row, field: field.slice(0, FIELD_SHOWN_MAX), rule, message: tell() })
  }
}

/** What was counted above zero, by feature and then by kind. */
function toCounts<K extends string, T>(
  counts: Float64Array | undefined,
  features: readonly Feature[],
  kinds: readonly K[],
  make: (feature: number, kind: K, count: number) => T,
): T[] {
  if (counts === undefined) return []
  return features.flatMap((_, feature) =>
    kinds.flatMap((kind, k) => {
      const count = counts[feature * kinds.length + k]!
      return count === 0 ? [] : [make(feature, kind, count)]
    }),
  )
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
