import { type Static, Type } from 'typebox'
import { Duration } from '../../core/config.ts'

/** Most rows per second that a replay tries to send. */
export const RATE_MAX = 100_000

/** One entry of `replay:`: rows of a file sent as predictions while everything runs. */
export const ReplayConfig = Type.Object(
  {
    file: Type.String({ description: 'CSV or Parquet, relative to this file.' }),
    model: Type.Optional(Type.String({ description: 'Needed where more than one model is served.' })),
    describe: Type.String({ default: '', description: 'What these rows are, for the first lines.' }),
    rate: Type.Number({ default: 10, exclusiveMinimum: 0, maximum: RATE_MAX, description: 'Rows per second.' }),
    order: Type.Union([Type.Literal('random'), Type.Literal('file')], { default: 'random' }),
    seed: Type.Integer({ default: 1, minimum: 0 }),
    label_delay: Duration({ default: '5s', description: 'From a prediction to its label, where the file holds the true outcome.' }),
  },
  { additionalProperties: false },
)
export type ReplayConfig = Static<typeof ReplayConfig>
