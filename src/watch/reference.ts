import { type Static, Type } from 'typebox'
import { type ParsedConfig, parseConfig } from '../core/config.ts'
import { type BinLayout, categorySpecials, createCategoryBins, createNumberBins, numberSpecials } from './bins.ts'
import { widthOf } from './columns.ts'
import type { Feature, ModelSchema, Output } from './schema.ts'

const Count = Type.Integer({ minimum: 0 })
const Role = Type.Union([Type.Literal('input'), Type.Literal('output')])
const strict = { additionalProperties: false }

const NumberReference = Type.Object(
  {
    role: Role,
    name: Type.String(),
    kind: Type.Literal('number'),
    edges: Type.Array(Type.Number(), { minItems: 2, description: 'Rising; the last two may be equal.' }),
    rows: Type.Array(Count, { description: 'Training rows in each regular bin; of a feature with a shape, its values.' }),
    special: Type.Object(
      Object.fromEntries(numberSpecials.map((name) => [name, Count])) as Record<(typeof numberSpecials)[number], typeof Count>,
      strict,
    ),
    mean: Type.Union([Type.Number(), Type.Null()], { description: 'Over the finite values; null when there are none.' }),
    deviation: Type.Union([Type.Number(), Type.Null()], { description: 'Standard deviation, of the population.' }),
  },
  strict,
)

const CategoryReference = Type.Object(
  {
    role: Role,
    name: Type.String(),
    kind: Type.Literal('category'),
    categories: Type.Array(Type.String(), { uniqueItems: true }),
    rows: Type.Array(Count, { description: 'Training rows of each category.' }),
    special: Type.Object(
      Object.fromEntries(categorySpecials.map((name) => [name, Count])) as Record<(typeof categorySpecials)[number], typeof Count>,
      strict,
    ),
  },
  strict,
)

const ReferenceValue = Type.Union([NumberReference, CategoryReference])
export type ReferenceValue = Static<typeof ReferenceValue>

const Baseline = Type.Object(
  {
    name: Type.String({ description: 'The output.' }),
    rows: Count,
    mae: Type.Number({ minimum: 0 }),
    rmse: Type.Number({ minimum: 0 }),
    bias: Type.Number({ description: 'Mean of prediction minus truth.' }),
  },
  strict,
)
export type Baseline = Static<typeof Baseline>

/** `reference.json`: the profile of a revision's training data, against which served values are judged. */
export const Reference = Type.Object(
  {
    format: Type.Literal(1),
    model: Type.String(),
    rows: Type.Integer({ minimum: 1, description: 'Training rows profiled.' }),
    source: Type.Object({ file: Type.String(), sha256: Type.String() }, strict),
    values: Type.Array(ReferenceValue),
    baseline: Type.Array(Baseline, { default: [], description: 'Quality on the profiled rows, for outputs whose truth the file held.' }),
  },
  strict,
)
export type Reference = Static<typeof Reference>

/**
 * Reads `reference.json` and holds it against the model's schema.
 * @throws MW_CONFIG_INVALID naming file, line and key: broken or half-written JSON, the reference of another model,
 *   a value that is missing, unknown or of another kind, edges that do not rise, counts that do not add up.
 */
export function parseReference(text: string, source: { file: string }, schema: ModelSchema): Reference {
  const config = parseConfig(Reference, text, source)
  const { value } = config
  if (value.model !== schema.name) {
    throw config.error(
      ['model'],
      `this is the reference of the model ${value.model}, not of ${schema.name}; make one with "modelwatch profile"`,
    )
  }
  const wanted = new Map(valuesOf(schema).map((v) => [`${v.role} ${v.name}`, v]))
  for (const [i, entry] of value.values.entries()) {
    const want = wanted.get(`${entry.role} ${entry.name}`)
    checkValue(config, i, entry, value.rows, want?.width ?? 1)
    if (want === undefined) {
      throw config.error(['values', i, 'name'], `the model ${schema.name} has no ${entry.role} ${entry.name}, or it stands here twice`)
    }
    if (want.kind !== entry.kind) {
      throw config.error(['values', i, 'kind'], `the ${entry.role} ${entry.name} is a ${want.kind} in the model, a ${entry.kind} here`)
    }
    wanted.delete(`${entry.role} ${entry.name}`)
  }
  for (const { role, name } of wanted.values()) throw config.error(['values'], `has no ${role} ${name}, which the model ${schema.name} has`)
  return value
}

function checkValue(config: ParsedConfig<unknown>, index: number, value: ReferenceValue, rows: number, width: number): void {
  const bins = value.kind === 'number' ? value.edges.length - 1 : value.categories.length
  if (value.rows.length !== bins) throw config.error(['values', index, 'rows'], `has ${value.rows.length} counts for ${bins} bins`)
  if (value.kind === 'number') {
    const { edges } = value
    const wrong = edges.findIndex((edge, i) => i > 0 && (edge < edges[i - 1]! || (edge === edges[i - 1] && i + 1 < edges.length)))
    if (wrong >= 0) throw config.error(['values', index, 'edges', wrong], 'edges must rise; only the last two may be equal')
  }
  const total = [...value.rows, ...Object.values(value.special)].reduce((sum, n) => sum + n, 0)
  if (total === rows * width) return
  const per = width === 1 ? `${rows}` : `${rows} rows of ${width} values`
  throw config.error(['values', index], `its bins hold ${total} ${width === 1 ? 'rows' : 'values'}, the reference ${per}`)
}

/** One input or output of a model, and how it is binned. */
export interface WatchedValue {
  readonly role: 'input' | 'output'
  /** Its place among the model's features, or among its outputs. */
  readonly index: number
  readonly name: string
  readonly kind: BinLayout['kind']
  readonly unit: string
  /** Its type in the model's schema: number, integer, boolean, category, regression or classification. */
  readonly type: string
  /** Values a row has of it, which all go into its one layout. */
  readonly width: number
}

/** How each type and kind is binned; what is not named here is served and not binned. */
const layoutKinds: Readonly<Partial<Record<string, BinLayout['kind']>>> = {
  number: 'number',
  integer: 'number',
  boolean: 'number',
  category: 'category',
  regression: 'number',
  classification: 'category',
}

/** Everything of a model that is binned: its features, then its outputs, in the schema's order. */
export function valuesOf(schema: ModelSchema): WatchedValue[] {
  const toWatched = (role: WatchedValue['role'], type: string, { name, unit, shape }: Feature | Output, index: number): WatchedValue[] => {
    const kind = layoutKinds[type]
    return kind === undefined ? [] : [{ role, index, name, kind, unit, type, width: widthOf(shape) }]
  }
  return [
    ...schema.features.flatMap((feature, i) => toWatched('input', feature.type, feature, i)),
    ...schema.outputs.flatMap((output, i) => toWatched('output', output.kind, output, i)),
  ]
}

export function toLayout(value: ReferenceValue): BinLayout {
  return value.kind === 'number' ? createNumberBins(value.edges) : createCategoryBins(value.categories)
}

/** Training rows in each bin, in the layout's order: regular bins, then special ones. */
export function referenceRows(value: ReferenceValue): number[] {
  const specials =
    value.kind === 'number' ? numberSpecials.map((name) => value.special[name]) : categorySpecials.map((name) => value.special[name])
  const rows = [...value.rows, ...specials]
  if (rows.length !== toLayout(value).labels.length) throw new Error(`${value.name}: counts and bins differ`)
  return rows
}
