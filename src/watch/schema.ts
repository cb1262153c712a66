import { type Static, Type } from 'typebox'
import { Duration, type ParsedConfig, PositiveDuration, parseConfig } from '../core/config.ts'
import { widthOf } from './columns.ts'

const Name = Type.String({ title: 'a name of letters, digits, _ or -, beginning with a letter', pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' })

/** Most values that one row may have of one feature or output. */
export const SHAPE_VALUES_MAX = 1_000_000

const Shape = (description: string) =>
  Type.Array(Type.Integer({ minimum: 1, title: 'a whole number of at least 1' }), { minItems: 1, maxItems: 8, description })

/** One input of a model, as clients send it. */
export const Feature = Type.Object(
  {
    name: Name,
    type: Type.Union(
      [
        Type.Literal('number'),
        Type.Literal('integer'),
        Type.Literal('boolean'),
        Type.Literal('category'),
        Type.Literal('int64'),
        Type.Literal('uint64'),
        Type.Literal('image'),
      ],
      {
        description:
          'number and integer are JSON numbers, boolean is true or false, category is a string; int64 and uint64 are whole numbers of 64 bits, ' +
          'sent as a string of digits where a JSON number would lose some; image is the file of a picture (PNG, JPEG, WebP, GIF, BMP or TIFF) in base64.',
      },
    ),
    shape: Type.Optional(
      Shape(
        'How many values one row has, by dimension, as in [28, 28]: a nested list, or a flat one row by row. Number, integer and boolean.',
      ),
    ),
    unit: Type.String({ default: '', description: 'Unit of the value, for people.' }),
    description: Type.String({ default: '' }),
    range: Type.Optional(
      Type.Tuple([Type.Number(), Type.Number()], { description: 'Smallest and largest value that can be true, both included.' }),
    ),
    categories: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        uniqueItems: true,
        description: 'Every value that can be true; any string where left out.',
      }),
    ),
    nullable: Type.Boolean({ default: false, description: 'Whether null may be sent for a value that is not known.' }),
    enforce: Type.Union([Type.Literal('reject'), Type.Literal('count')], {
      default: 'reject',
      description: 'What a value outside range or categories does: reject answers 422; count serves the row and counts the violation.',
    }),
  },
  { additionalProperties: false },
)
export type Feature = Static<typeof Feature>

export const Output = Type.Object(
  {
    name: Name,
    kind: Type.Union([Type.Literal('regression'), Type.Literal('classification'), Type.Literal('value')], {
      description: 'regression is a number, classification one of the classes; value is anything else, answered as it is and not judged.',
    }),
    type: Type.Optional(
      Type.Union([Type.Literal('number'), Type.Literal('int64'), Type.Literal('uint64'), Type.Literal('text'), Type.Literal('image')], {
        description: 'Of a value: what it is; number where left out.',
      }),
    ),
    shape: Type.Optional(Shape('How many numbers the answer to one row has, by dimension. Of a regression, or a value that is a number.')),
    unit: Type.String({ default: '', description: 'Unit of the value, for people.' }),
    description: Type.String({ default: '' }),
    range: Type.Optional(
      Type.Tuple([Type.Number(), Type.Number()], {
        description: 'Smallest and largest true outcome, both included; a label outside is refused.',
      }),
    ),
    classes: Type.Optional(
      Type.Array(Type.String(), { minItems: 2, uniqueItems: true, description: 'The labels a classifier answers with.' }),
    ),
  },
  { additionalProperties: false },
)
export type Output = Static<typeof Output>

/** Whether labels tell how good it is: one number a row, of which the true one can be said. */
export const isJudged = ({ kind, shape }: Output): boolean => kind === 'regression' && shape === undefined

/** When drift becomes an alert: the effect must reach the gate, exceed chance, and rest on enough rows. */
export const DriftPolicy = Type.Object(
  {
    window: PositiveDuration({ default: '1h', description: 'Time over which predictions are compared with the reference.' }),
    psi_gate: Type.Number({ default: 0.2, exclusiveMinimum: 0, description: 'Smallest PSI that matters in practice.' }),
    significance: Type.Number({
      default: 0.001,
      exclusiveMinimum: 0,
      exclusiveMaximum: 0.5,
      description: 'Chance of a false alarm over all values of the model in one evaluation; each value gets its share (Bonferroni).',
    }),
    rows_min: Type.Integer({ default: 200, minimum: 1, description: 'Fewest rows in the window to judge at all.' }),
    for: Duration({ default: '5m', description: 'How long drift must hold before the alert fires.' }),
    interval: PositiveDuration({ default: '30s', description: 'Time between two evaluations of the rules.' }),
  },
  { additionalProperties: false, default: {} },
)
export type DriftPolicy = Static<typeof DriftPolicy>

/** `model.yaml`: what a model takes, what it answers, and how it is watched. */
export const ModelSchema = Type.Object(
  {
    name: Name,
    description: Type.String({ default: '' }),
    features: Type.Array(Feature, { minItems: 1 }),
    outputs: Type.Array(Output, { minItems: 1 }),
    drift: DriftPolicy,
  },
  { additionalProperties: false },
)
export type ModelSchema = Static<typeof ModelSchema>

/**
 * Reads `model.yaml`.
 * @returns the model; an output of kind `value` always has its `type`.
 * @throws MW_CONFIG_INVALID naming file, line and key: broken YAML, an unknown key, a name used twice, a range upside down,
 *   a key that a type or kind does not have, a shape of too many values.
 */
export function parseModelSchema(text: string, source: { file: string }): ModelSchema {
  const config = parseConfig(ModelSchema, text, source)
  refuseRepeatedNames(config)
  for (const [i, feature] of config.value.features.entries()) checkFeature(config, i, feature)
  for (const [i, output] of config.value.outputs.entries()) checkOutput(config, i, output)
  return {
    ...config.value,
    outputs: config.value.outputs.map((output) => (output.kind === 'value' ? { type: 'number', ...output } : output)),
  }
}

const numericTypes: ReadonlySet<string> = new Set(['number', 'integer'])
const shapedTypes: ReadonlySet<string> = new Set(['number', 'integer', 'boolean'])
const wideTypes: ReadonlySet<string> = new Set(['int64', 'uint64'])

type Config = ParsedConfig<ModelSchema>

function checkFeature(config: Config, i: number, { type, range, categories, shape, nullable }: Feature): void {
  const at = (key: string) => ['features', i, key]
  const named = `${article(type)} ${type}`
  if (range !== undefined && !numericTypes.has(type)) throw config.error(at('range'), `${named} has no range`)
  if (range !== undefined) checkRange(config, at('range'), range)
  if (categories !== undefined && type !== 'category') throw config.error(at('categories'), `${named} has no categories`)
  if (nullable && wideTypes.has(type))
    throw config.error(at('nullable'), `${named} cannot be null: no number of 64 bits could stand for it`)
  if (shape === undefined) return
  if (!shapedTypes.has(type)) throw config.error(at('shape'), `${named} has no shape; number, integer and boolean may have one`)
  checkShape(config, at('shape'), shape)
}

function checkOutput(config: Config, i: number, { kind, type, range, classes, shape }: Output): void {
  const at = (key: string) => ['outputs', i, key]
  if (kind === 'classification' && classes === undefined) throw config.error(['outputs', i], 'a classification needs classes')
  if (kind !== 'classification' && classes !== undefined) throw config.error(at('classes'), `a ${kind} has no classes`)
  if (kind !== 'value' && type !== undefined) throw config.error(at('type'), `a ${kind} has no type; an output of kind value has one`)
  if (kind !== 'regression' && range !== undefined) throw config.error(at('range'), `a ${kind} has no range`)
  if (range !== undefined) checkRange(config, at('range'), range)
  if (shape === undefined) return
  const shaped = kind === 'regression' || (kind === 'value' && (type ?? 'number') === 'number')
  if (!shaped) throw config.error(at('shape'), `a ${kind}${type === undefined ? '' : ` of type ${type}`} has no shape`)
  checkShape(config, at('shape'), shape)
}

function checkRange(config: Config, path: readonly (string | number)[], [low, high]: readonly [number, number]): void {
  if (low > high) throw config.error(path, `the smallest value ${low} is above the largest ${high}`)
}

function checkShape(config: Config, path: readonly (string | number)[], shape: readonly number[]): void {
  const width = widthOf(shape)
  if (width > SHAPE_VALUES_MAX)
    throw config.error(path, `${shape.join(' × ')} are ${width} values a row; at most ${SHAPE_VALUES_MAX} can be`)
}

const article = (type: string) => (/^(?:i|a|e|o)/.test(type) ? 'an' : 'a')

/** Inputs and outputs share one name space: columns of a file, fields of a reply and the label `name` do not say which is meant. */
function refuseRepeatedNames(config: Config): void {
  const seen = new Set<string>()
  for (const list of ['features', 'outputs'] as const) {
    for (const [i, { name }] of config.value[list].entries()) {
      if (seen.has(name)) throw config.error([list, i, 'name'], `${name} is used twice`)
      seen.add(name)
    }
  }
}
