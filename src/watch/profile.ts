import {
  binOfCategory,
  binOfNumber,
  CATEGORY_LENGTH_MAX,
  categorySpecials,
  createCategoryBins,
  createNumberBins,
  numberSpecials,
  quantileEdges,
  specialBin,
} from './bins.ts'
import { type Baseline, type Reference, type ReferenceValue, valuesOf, type WatchedValue } from './reference.ts'
import type { ReadRows } from './rows.ts'
import type { ModelSchema } from './schema.ts'

export interface ProfileOptions {
  /** Most regular bins of a number. */
  readonly binsMax: number
  /** Most categories with a bin of their own where the schema does not list them; the rest is `other`. */
  readonly categoriesMax: number
}

export const profileDefaults: ProfileOptions = { binsMax: 10, categoriesMax: 20 }

/** Values of one output, one per row: numbers (NaN where the model gave none), or class labels. */
export type OutputColumn = Float64Array | readonly string[]

/**
 * Makes the reference profile of training rows and of the model's predictions for them.
 *
 * @param rows - What `compileRowReader` made of them; at least one row.
 * @param outputs - Predictions, shape [outputs][rows], in the schema's order.
 * @param truth - By output name: the true outcome, shape [rows], NaN where unknown. Gives the baseline quality of numeric outputs.
 * @throws when there are no rows: a bug in the caller.
 */
export function buildReference(
  schema: ModelSchema,
  rows: ReadRows,
  outputs: readonly OutputColumn[],
  truth: ReadonlyMap<string, Float64Array>,
  source: Reference['source'],
  options: ProfileOptions = profileDefaults,
): Reference {
  const watched = valuesOf(schema)
  const columns: readonly OutputColumn[] = [...rows.columns.values, ...outputs]
  const values = watched.map((value, i) => {
    const declared = value.role === 'input' ? schema.features[i]?.categories : schema.outputs[i - schema.features.length]?.classes
    const specials = rows.specials.filter(({ feature }) => feature === i && value.role === 'input')
    return profileColumn(value, columns[i]!, specials, declared, options)
  })
  const baseline = schema.outputs.flatMap(({ name }, i): Baseline[] => {
    const actual = truth.get(name)
    const predicted = outputs[i]
    return actual === undefined || !(predicted instanceof Float64Array) ? [] : toBaseline(name, predicted, actual)
  })
  return { format: 1, model: schema.name, rows: rows.columns.rows, source, values, baseline }
}

function profileColumn(
  { role, name, kind }: WatchedValue,
  column: OutputColumn,
  specials: ReadRows['specials'],
  declared: readonly string[] | undefined,
  options: ProfileOptions,
): ReferenceValue {
  const special = new Map(specials.map(({ row, bin }) => [row, bin]))
  if (kind === 'number') {
    const numbers = column as Float64Array
    const finite = numbers.filter((value) => Number.isFinite(value)).sort()
    const layout = createNumberBins(finite.length === 0 ? [0, 0] : quantileEdges(finite, options.binsMax))
    const counts = new Array<number>(layout.labels.length).fill(0)
    for (const [row, value] of numbers.entries()) {
      const bin = special.get(row)
      counts[bin === undefined ? binOfNumber(layout, value) : specialBin(layout, bin)]! += 1
    }
    const { mean, deviation } = moments(finite)
    return { role, name, kind, edges: [...layout.edges], ...splitCounts(counts, numberSpecials), mean, deviation }
  }
  const texts = column as readonly string[]
  const layout = createCategoryBins(declared ?? frequentCategories(texts, special, options.categoriesMax))
  const counts = new Array<number>(layout.labels.length).fill(0)
  for (const [row, value] of texts.entries()) {
    const bin = special.get(row)
    counts[bin === undefined ? binOfCategory(layout, value) : specialBin(layout, bin)]! += 1
  }
  return { role, name, kind, categories: [...layout.indexByCategory.keys()], ...splitCounts(counts, categorySpecials) }
}

function splitCounts<S extends string>(counts: readonly number[], specials: readonly S[]): { rows: number[]; special: Record<S, number> } {
  const regular = counts.length - specials.length
  return {
    rows: counts.slice(0, regular),
    special: Object.fromEntries(specials.map((name, i) => [name, counts[regular + i]!])) as Record<S, number>,
  }
}

/** The most frequent categories, most frequent first, ties by text, so that the same data give the same file. */
function frequentCategories(texts: readonly string[], special: ReadonlyMap<number, string>, max: number): string[] {
  const counts = new Map<string, number>()
  for (const [row, text] of texts.entries()) {
    if (!special.has(row) && text.length <= CATEGORY_LENGTH_MAX) counts.set(text, (counts.get(text) ?? 0) + 1)
  }
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

function toBaseline(name: string, predicted: Float64Array, actual: Float64Array): Baseline[] {
  let [rows, absolute, squared, signed] = [0, 0, 0, 0]
  for (const [i, truth] of actual.entries()) {
    const error = predicted[i]! - truth
    if (!Number.isFinite(error)) continue
    rows++
    absolute += Math.abs(error)
    squared += error * error
    signed += error
  }
  return rows === 0 ? [] : [{ name, rows, mae: absolute / rows, rmse: Math.sqrt(squared / rows), bias: signed / rows }]
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
