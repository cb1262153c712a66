import { type Static, Type } from 'typebox'

/** `runtime:` of a revision.yaml whose model is an ONNX file. */
export const OnnxSettings = Type.Object(
  {
    intra_op_threads: Type.Integer({
      default: 1,
      minimum: 1,
      maximum: 256,
      description: 'Threads that share the work of one call; small models are slower with two.',
    }),
    inline_ms_max: Type.Number({
      default: 2,
      minimum: 0,
      maximum: 1000,
      description:
        'Milliseconds; a call that is expected to take longer goes to a thread, so that it does not keep the requests of others waiting; 0 sends all. ' +
        'While the event loop is busy, and there is another core, calls of more than 0.1 ms go.',
    }),
    graph_optimization: Type.Union([Type.Literal('disabled'), Type.Literal('basic'), Type.Literal('extended'), Type.Literal('all')], {
      default: 'all',
      description: 'How far onnxruntime rewrites the graph when it loads it.',
    }),
  },
  { additionalProperties: false, default: {} },
)
export type OnnxSettings = Static<typeof OnnxSettings>
