import { binOfNumber, CATEGORY_LENGTH_MAX, createNumberBins, numberSpecials, quantileEdges } from './bins.ts'
import type { Column } from './columns.ts'
import { type Baseline, type Reference, type ReferenceValue, valuesOf, type WatchedValue } from './reference.ts'
import type { ReadRows } from './rows.ts'
import { isJudged, type ModelSchema } from './schema.ts'

export interface ProfileOptions {
  /** Most regular bins of a number. */
  readonly binsMax: number
  /** Most categories with a bin of their own where the schema does not list them; the rest is `other`. */
  readonly categoriesMax: number
}

export const profileDefaults: ProfileOptions = { binsMax: 10, categoriesMax: 20 }

/** Gathers training rows batch by batch; what it holds is eight bytes for each number and a count for each category. */
export interface ProfileBuilder {
  /** Rows added so far. */
  readonly rows: number
  /**
   * @param rows - What `compileRowReader` made of them.
   * @param outputs - Predictions, by output in the schema's order: NaN where the model gave no number.
   * @param truth - By output name: the true outcome, shape [rows], NaN where unknown. Gives the baseline quality of numeric outputs.
   */
  add(rows: Pick<ReadRows, 'columns' | 'specials'>, outputs: readonly Column[], truth: ReadonlyMap<string, Float64Array>): void
  /** The profile of all rows added; the builder is spent. */
  finish(source: Reference['source']): Reference
}

/**
 * Makes the reference profile of training rows and of the model's predictions for them. How the rows are cut into batches changes nothing.
 * A number without a single finite value has the edges [0, 0] around one empty bin, for a layout has at least one, and no mean: null.
 */
export function createProfileBuilder(schema: ModelSchema, options: ProfileOptions = profileDefaults): ProfileBuilder {
  const watched = valuesOf(schema)
  const gatherers = watched.map((value) => {
    const declared = value.role === 'input' ? schema.features[value.index]!.categories : schema.outputs[value.index]!.classes
    return value.kind === 'number' ? new NumberGatherer(value, options) : new CategoryGatherer(value, declared, options)
  })
  const byFeature = new Map(watched.flatMap(({ role, index }, i) => (role === 'input' ? [[index, gatherers[i]!] as const] : [])))
  const baselines = schema.outputs.map(({ name }) => new BaselineSums(name))
  let count = 0
  return {
    get rows() {
      return count
    },
    add({ columns, specials }, outputs, truth) {
      count += columns.rows
      for (const [i, { role, index }] of watched.entries()) gatherers[i]!.add(role === 'input' ? columns.values[index]! : outputs[index]!)
      for (const { feature, bin, count: values } of specials) byFeature.get(feature)?.addSpecial(bin, values)
      for (const [o, { name }] of schema.outputs.entries()) {
        const [actual, predicted] = [truth.get(name), outputs[o]]
        if (actual !== undefined && predicted instanceof Float64Array && isJudged(schema.outputs[o]!)) baselines[o]!.add(predicted, actual)
      }
    },
    finish: (source) => ({
      format: 1,
      model: schema.name,
      rows: count,
      source,
      values: gatherers.map((gatherer) => gatherer.finish()),
      baseline: baselines.flatMap((sums) => sums.finish()),
    }),
  }
}

/** The profile of rows that are in memory already, in one go. Arguments as in `ProfileBuilder`; at least one row. */
export function buildReference(
  schema: ModelSchema,
  rows: ReadRows,
  outputs: readonly Column[],
  truth: ReadonlyMap<string, Float64Array>,
  source: Reference['source'],
  options: ProfileOptions = profileDefaults,
): Reference {
  const builder = createProfileBuilder(schema, options)
  builder.add(rows, outputs, truth)
  return builder.finish(source)
}

/** Values that were absent or unreadable, of either kind. Their columns hold a stand-in for them, NaN or '', which is counted with the others. */
class SpecialCounts {
  missing = 0
  invalid = 0

  get total(): number {
    return this.missing + this.invalid
  }
}

const FIRST_CAPACITY = 1024

/** Exact quantiles need every value: the finite ones are kept, in an array that doubles as it fills. */
class NumberGatherer {
  readonly #value: WatchedValue
  readonly #options: ProfileOptions
  #finite = new Float64Array(FIRST_CAPACITY)
  #finiteCount = 0
  #notFinite = 0
  readonly #specials = new SpecialCounts()

  constructor(value: WatchedValue, options: ProfileOptions) {
    this.#value = value
    this.#options = options
  }

  add(column: Column): void {
    const needed = this.#finiteCount + column.length
    if (needed > this.#finite.length) {
      const grown = new Float64Array(Math.max(needed, 2 * this.#finite.length))
      grown.set(this.#finite.subarray(0, this.#finiteCount))
      this.#finite = grown
    }
    for (const value of column as Float64Array) {
      if (Number.isFinite(value)) this.#finite[this.#finiteCount++] = value
      else this.#notFinite++
    }
  }

  addSpecial(bin: 'missing' | 'invalid', count: number): void {
    this.#specials[bin] += count
  }

  finish(): ReferenceValue {
    const { role, name } = this.#value
    const sorted = this.#finite.subarray(0, this.#finiteCount).sort()
    const layout = createNumberBins(sorted.length === 0 ? [0, 0] : quantileEdges(sorted, this.#options.binsMax))
    const counts = new Array<number>(layout.labels.length).fill(0)
    for (const value of sorted) counts[binOfNumber(layout, value)]! += 1
    const { missing, invalid, total } = this.#specials
    const { rows, special } = splitCounts(counts, numberSpecials)
    const { mean, deviation } = moments(sorted)
    const edges = [...layout.edges]
    return {
      role,
      name,
      kind: 'number',
      edges,
      rows,
      special: { ...special, missing, nan: this.#notFinite - total, invalid },
      mean,
      deviation,
    }
  }
}

/** Counts of the categories that the schema lists, or else of every one that is short enough for a bin of its own. */
class CategoryGatherer {
  readonly #value: WatchedValue
  readonly #declared: readonly string[] | undefined
  readonly #options: ProfileOptions
  readonly #counts: Map<string, number>
  #total = 0
  readonly #specials = new SpecialCounts()

  constructor(value: WatchedValue, declared: readonly string[] | undefined, options: ProfileOptions) {
    this.#value = value
    this.#declared = declared
    this.#options = options
    this.#counts = new Map(declared?.map((category) => [category, 0]))
  }

  add(column: Column): void {
    this.#total += column.length
    for (const text of column as readonly string[]) {
      const count = this.#counts.get(text)
      if (count !== undefined) this.#counts.set(text, count + 1)
      else if (this.#declared === undefined && text.length <= CATEGORY_LENGTH_MAX) this.#counts.set(text, 1)
    }
  }

  addSpecial(bin: 'missing' | 'invalid', count: number): void {
    this.#specials[bin] += count
  }

  finish(): ReferenceValue {
    const { role, name } = this.#value
    const { missing, invalid, total } = this.#specials
    const standIns = this.#counts.get('')
    if (standIns !== undefined && total > 0) {
      if (standIns === total && this.#declared === undefined) this.#counts.delete('')
      else this.#counts.set('', standIns - total)
    }
    const categories = [...(this.#declared ?? frequentCategories(this.#counts, this.#options.categoriesMax))]
    const rows = categories.map((category) => this.#counts.get(category)!)
    const other = this.#total - total - rows.reduce((sum, count) => sum + count, 0)
    return { role, name, kind: 'category', categories, rows, special: { other, missing, invalid } }
  }
}

function splitCounts<S extends string>(counts: readonly number[], specials: readonly S[]): { rows: number[]; special: Record<S, number> } {
  const regular = counts.length - specials.length
  return {
    rows: counts.slice(0, regular),
    special: Object.fromEntries(specials.map((name, i) => [name, counts[regular + i]!])) as Record<S, number>,
  }
}

/** The most frequent categories, most frequent first, ties by text, so that the same data give the same file. */
function frequentCategories(counts: ReadonlyMap<string, number>, max: number): string[] {
  return [...counts.entries()]
    .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, max)
    .map(([text]) => text)
}

/** Two passes, for the variance of a column far from zero. */
function moments(values: Float64Array): { mean: number | null; deviation: number | null } {
  if (values.length === 0) return { mean: null, deviation: null }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  return { mean, deviation: Math.sqrt(squares / values.length) }
}

/** Errors of one output against the truth, where both are known. */
class BaselineSums {
  readonly #name: string
  #rows = 0
  #absolute = 0
  #squared = 0
  #signed = 0

  constructor(name: string) {
    this.#name = name
  }

  add(predicted: Float64Array, actual: Float64Array): void {
    for (const [i, truth] of actual.entries()) {
      const error = predicted[i]! - truth
      if (!Number.isFinite(error)) continue
      this.#rows++
      this.#absolute += Math.abs(error)
      this.#squared += error * error
      this.#signed += error
    }
  }

  /** Empty when no row had both. */
  finish(): Baseline[] {
    const rows = this.#rows
    if (rows === 0) return []
    return [{ name: this.#name, rows, mae: this.#absolute / rows, rmse: Math.sqrt(this.#squared / rows), bias: this.#signed / rows }]
  }
}

/** `reference.json` as text: one value a line group, stable for the same input. */
export function toReferenceJson(reference: Reference): string {
  const { values, baseline, ...head } = reference
  const lines = [
    ...Object.entries(head).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`),
    `  "values": [\n${values.map((value) => `    ${JSON.stringify(value)}`).join(',\n')}\n  ]`,
    `  "baseline": [${baseline.map((value) => `\n    ${JSON.stringify(value)}`).join(',')}${baseline.length === 0 ? '' : '\n  '}]`,
  ]
  return `{\n${lines.join(',\n')}\n}\n`
}
