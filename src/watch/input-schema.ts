import { widthOf } from './columns.ts'
import type { Reference } from './reference.ts'
import type { Feature, ModelSchema, Output } from './schema.ts'

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

/** The JSON Schema of the answer to one row: what `compileAnswerWriter` writes. */
export function toOutputsSchema(schema: ModelSchema): JsonSchema {
  return {
    type: 'object',
    required: schema.outputs.map(({ name }) => name),
    properties: Object.fromEntries(schema.outputs.map((output) => [output.name, { ...toOutputSchema(output), ...describe(output) }])),
  }
}

/** The smallest PNG there is: one grey pixel. */
const examplePicture = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=='
/** A longer list helps nobody who reads the page; such a feature is left out of the example. */
const EXAMPLE_VALUES_MAX = 4096

/**
 * A row to try the model with: of each number the edge in the middle of its training bins, of each category the most frequent one.
 * Without a reference, the lowest value that the schema allows. A feature of more than 4096 values a row is left out.
 */
export function toExampleRow(schema: ModelSchema, reference: Reference | undefined): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    schema.features
      .filter(({ shape }) => widthOf(shape) <= EXAMPLE_VALUES_MAX)
      .map((feature) => {
        const value = toExample(feature, reference)
        return [feature.name, feature.shape === undefined ? value : repeat(value, feature.shape)]
      }),
  )
}

function toExample(feature: Feature, reference: Reference | undefined): unknown {
  const profile = reference?.values.find(({ role, name }) => role === 'input' && name === feature.name)
  if (feature.type === 'boolean') return true
  if (feature.type === 'image') return examplePicture
  if (profile?.kind === 'number') return toTypical(feature, profile.edges[profile.edges.length >> 1]!)
  if (profile?.kind === 'category') return profile.categories[profile.rows.indexOf(Math.max(...profile.rows))] ?? ''
  return feature.type === 'category' ? (feature.categories?.[0] ?? '') : (feature.range?.[0] ?? 0)
}

const toTypical = ({ type }: Feature, value: number) => (type === 'integer' ? Math.round(value) : value)

function repeat(value: unknown, [length, ...inner]: readonly number[]): unknown {
  return length === undefined ? value : Array.from({ length }, () => repeat(value, inner))
}

function toFeatureSchema(feature: Feature): JsonSchema {
  return { ...(feature.shape === undefined ? toScalarSchema(feature) : toListSchema(feature, feature.shape)), ...describe(feature) }
}

function toScalarSchema(feature: Feature): JsonSchema {
  if (feature.type === 'int64' || feature.type === 'uint64') return toWideSchema(feature.type)
  if (feature.type === 'image') {
    return { type: feature.nullable ? ['string', 'null'] : 'string', contentEncoding: 'base64', contentMediaType: 'image/*', minLength: 4 }
  }
  const { categories } = feature
  const type = feature.type === 'category' ? 'string' : feature.type
  return {
    ...(feature.nullable ? { type: [type, 'null'] } : { type }),
    ...bounds(feature),
    ...(categories !== undefined && feature.enforce === 'reject' ? { enum: feature.nullable ? [...categories, null] : categories } : {}),
  }
}

/** JSON numbers are doubles to most programs: a number may be sent where they carry it exactly. */
function toWideSchema(type: 'int64' | 'uint64'): JsonSchema {
  const minimum = type === 'int64' ? Number.MIN_SAFE_INTEGER : 0
  return {
    anyOf: [
      { type: 'integer', minimum, maximum: Number.MAX_SAFE_INTEGER },
      { type: 'string', pattern: type === 'int64' ? '^-?\\d{1,20}$' : '^\\d{1,20}$' },
    ],
  }
}

/** Nested as the shape, or flat; null only for the whole of it. */
function toListSchema(feature: Feature, shape: readonly number[]): JsonSchema {
  const element = toScalarSchema({ ...feature, nullable: false })
  const nested = toNestedSchema(element, shape)
  const width = widthOf(shape)
  const forms = [
    nested,
    ...(shape.length === 1 ? [] : [{ type: 'array', items: element, minItems: width, maxItems: width }]),
    ...(feature.nullable ? [{ type: 'null' }] : []),
  ]
  return forms.length === 1 ? nested : { anyOf: forms }
}

function toNestedSchema(element: JsonSchema, shape: readonly number[]): JsonSchema {
  return shape.reduceRight<JsonSchema>((items, length) => ({ type: 'array', items, minItems: length, maxItems: length }), element)
}

function toOutputSchema({ kind, type, shape, classes }: Output): JsonSchema {
  if (kind === 'classification') return { type: 'string', enum: classes }
  if (type === 'text') return { type: 'string' }
  if (type === 'image') return { type: ['string', 'null'], contentEncoding: 'base64', contentMediaType: 'image/*' }
  if (type === 'int64' || type === 'uint64') return toWideSchema(type)
  return shape === undefined ? { type: ['number', 'null'] } : toNestedSchema({ type: ['number', 'null'] }, shape)
}

function describe({ unit, description }: { unit: string; description: string }): JsonSchema {
  const text = [description, unit === '' ? '' : `Unit: ${unit}.`].filter(Boolean).join(' ')
  return text === '' ? {} : { description: text }
}

/** An integer is also bounded by what JSON's numbers carry exactly. */
function bounds({ type, range, enforce }: Feature): JsonSchema {
  const own = enforce === 'reject' ? range : undefined
  const [low, high] =
    type === 'integer' ? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] : [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const [minimum, maximum] = [Math.max(low, own?.[0] ?? low), Math.min(high, own?.[1] ?? high)]
  return Number.isFinite(minimum) ? { minimum, maximum } : {}
}
