import type { Reference } from './reference.ts'
import type { Feature, ModelSchema } from './schema.ts'

/** JSON Schema (2020-12), as the OpenAPI page shows it. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** The JSON Schema of one row: what `compileRowReader` accepts, said in the language that clients' tools read. */
export function toRowSchema(schema: ModelSchema): JsonSchema {
  return {
    type: 'object',
    description: schema.description,
    additionalProperties: false,
    required: schema.features.map(({ name }) => name),
    properties: Object.fromEntries(schema.features.map((feature) => [feature.name, toFeatureSchema(feature)])),
  }
}

/**
 * A row to try the model with: of each number the edge in the middle of its training bins, of each category the most frequent one.
 * Without a reference, the lowest value that the schema allows.
 */
export function toExampleRow(schema: ModelSchema, reference: Reference | undefined): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    schema.features.map((feature) => {
      const profile = reference?.values.find(({ role, name }) => role === 'input' && name === feature.name)
      if (feature.type === 'boolean') return [feature.name, true]
      if (profile?.kind === 'number') return [feature.name, toTypical(feature, profile.edges[profile.edges.length >> 1]!)]
      if (profile?.kind === 'category') return [feature.name, profile.categories[profile.rows.indexOf(Math.max(...profile.rows))] ?? '']
      return [feature.name, feature.type === 'category' ? (feature.categories?.[0] ?? '') : (feature.range?.[0] ?? 0)]
    }),
  )
}

const toTypical = ({ type }: Feature, value: number) => (type === 'integer' ? Math.round(value) : value)

function toFeatureSchema(feature: Feature): JsonSchema {
  const { unit, description, categories } = feature
  const strict = feature.enforce === 'reject'
  const type = feature.type === 'category' ? 'string' : feature.type
  return {
    ...(feature.nullable ? { type: [type, 'null'] } : { type }),
    ...(unit === '' && description === ''
      ? {}
      : { description: [description, unit === '' ? '' : `Unit: ${unit}.`].filter(Boolean).join(' ') }),
    ...bounds(feature),
    ...(categories !== undefined && strict ? { enum: feature.nullable ? [...categories, null] : categories } : {}),
  }
}

/** An integer is also bounded by what JSON's numbers carry exactly. */
function bounds({ type, range, enforce }: Feature): JsonSchema {
  const own = enforce === 'reject' ? range : undefined
  const [low, high] =
    type === 'integer' ? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const [minimum, maximum] = [Math.max(low, own?.[0] ?? low), Math.min(high, own?.[1] ?? high)]
  return Number.isFinite(minimum) ? { minimum, maximum } : {}
}
