import { type Static, Type } from 'typebox'
import { PositiveDuration } from '../../../../core/config.ts'

/** `runtime:` of a revision.yaml whose model is a module. */
export const TypescriptSettings = Type.Object(
  {
    timeout: PositiveDuration({
      default: '30s',
      description: 'Longest call of predict; one that takes longer fails, and its thread is ended and another started.',
    }),
    load_timeout: PositiveDuration({
      default: '1m',
      description: 'Longest time until the module is imported, its load has ended and its first row is answered.',
    }),
    memory_max: Type.Integer({
      default: 512,
      minimum: 16,
      maximum: 1_048_576,
      description: 'MiB that each thread may hold, heap and buffers together; one that holds more is ended.',
    }),
    warm_up: Type.Boolean({
      default: true,
      description:
        'Whether a row made from model.yaml is predicted when the model is loaded, which also proves that it answers what model.yaml says.',
    }),
  },
  { additionalProperties: false, default: {} },
)
export type TypescriptSettings = Static<typeof TypescriptSettings>
