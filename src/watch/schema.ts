import { type Static, Type } from 'typebox'
import { Duration, type ParsedConfig, PositiveDuration, parseConfig } from '../core/config.ts'

const Name = Type.String({ title: 'a name of letters, digits, _ or -, beginning with a letter', pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' })

/** One input of a model, as clients send it. */
export const Feature = Type.Object(
  {
    name: Name,
    type: Type.Union([Type.Literal('number'), Type.Literal('integer'), Type.Literal('boolean'), Type.Literal('category')], {
      description: 'number and integer are JSON numbers, boolean is true or false, category is a string.',
    }),
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
    kind: Type.Union([Type.Literal('regression'), Type.Literal('classification')]),
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
 * @throws MW_CONFIG_INVALID naming file, line and key: broken YAML, an unknown key, a name used twice, a range upside down,
 *   a range on a category or categories on a number.
 */
export function parseModelSchema(text: string, source: { file: string }): ModelSchema {
  const config = parseConfig(ModelSchema, text, source)
  refuseRepeatedNames(config)
  for (const [i, feature] of config.value.features.entries()) {
    const numeric = feature.type === 'number' || feature.type === 'integer'
    if (feature.range !== undefined && !numeric) throw config.error(['features', i, 'range'], `a ${feature.type} has no range`)
    if (feature.range !== undefined && feature.range[0] > feature.range[1]) {
      throw config.error(['features', i, 'range'], `the smallest value ${feature.range[0]} is above the largest ${feature.range[1]}`)
    }
    if (feature.categories !== undefined && feature.type !== 'category') {
      throw config.error(['features', i, 'categories'], `a ${feature.type} has no categories`)
    }
  }
  for (const [i, output] of config.value.outputs.entries()) {
    if (output.kind === 'classification' && output.classes === undefined)
      throw config.error(['outputs', i], 'a classification needs classes')
    if (output.kind === 'regression' && output.classes !== undefined)
      throw config.error(['outputs', i, 'classes'], 'a regression has no classes')
    if (output.range !== undefined && output.kind === 'classification')
      throw config.error(['outputs', i, 'range'], 'a classification has no range')
    if (output.range !== undefined && output.range[0] > output.range[1]) {
      throw config.error(['outputs', i, 'range'], `the smallest value ${output.range[0]} is above the largest ${output.range[1]}`)
    }
  }
  return config.value
}

/** Inputs and outputs share one name space: columns of a file, fields of a reply and the label `name` do not say which is meant. */
function refuseRepeatedNames(config: ParsedConfig<ModelSchema>): void {
  const seen = new Set<string>()
  for (const list of ['features', 'outputs'] as const) {
    for (const [i, { name }] of config.value[list].entries()) {
      if (seen.has(name)) throw config.error([list, i, 'name'], `${name} is used twice`)
      seen.add(name)
    }
  }
}
