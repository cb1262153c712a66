import type { InferenceSession } from 'onnxruntime-node'
import type { ModelSchema, Output, OutputColumn } from '../../../../watch/index.ts'
import { runtimeErrors } from '../errors.ts'

type Data = ArrayLike<number> | ArrayLike<bigint> | readonly string[]

/**
 * How the model's output tensors become columns. An output is found by its name; a model with one output and a schema with one need not agree on it.
 * A regression is one number a row. A classification is a label a row (text, or an integer: the class itself, or its position), or a score
 * for each class, of which the highest wins.
 *
 * @throws MW_MODEL_MISMATCH when an output of model.yaml is not among the model's, or is of a type that cannot be read as its kind.
 */
export function bindOutputs(session: InferenceSession, modelPath: string, schema: ModelSchema) {
  const metadata = new Map(session.outputMetadata.map((meta) => [meta.name, meta]))
  const sole = session.outputNames.length === 1 && schema.outputs.length === 1 ? session.outputNames[0] : undefined
  const bound = schema.outputs.map((output) => {
    const tensor = metadata.has(output.name) ? output.name : sole
    const meta = tensor === undefined ? undefined : metadata.get(tensor)
    if (tensor === undefined || meta === undefined) {
      throw runtimeErrors.MW_MODEL_MISMATCH(
        `${modelPath} answers ${session.outputNames.join(', ')}; model.yaml has the output ${output.name}`,
      )
    }
    const numeric = meta.isTensor && meta.type !== 'string' && meta.type !== 'bool'
    if (!meta.isTensor || (output.kind === 'regression' && !numeric)) {
      throw runtimeErrors.MW_MODEL_MISMATCH(
        `${modelPath} answers ${tensor} as ${meta.isTensor ? meta.type : 'no tensor'}; a ${output.kind} cannot be read from it`,
      )
    }
    return { output, tensor }
  })

  return {
    fetches: [...new Set(bound.map(({ tensor }) => tensor))],
    toColumns(results: InferenceSession.OnnxValueMapType, rows: number): OutputColumn[] {
      return bound.map(({ output, tensor }) => toColumn(output, (results[tensor] as { data: Data }).data, rows, modelPath))
    },
  }
}

function toColumn(output: Output, data: Data, rows: number, modelPath: string): OutputColumn {
  const classes = output.classes?.length ?? 1
  const scored = output.kind === 'classification' && data.length === rows * classes && typeof data[0] === 'number' && rows > 0
  if (!scored && data.length !== rows) {
    throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} answers ${data.length} values of ${output.name} for ${rows} rows`)
  }
  if (output.kind === 'regression') return Float64Array.from(data as ArrayLike<number>, Number)
  if (scored) return Array.from({ length: rows }, (_, r) => output.classes![argMax(data as ArrayLike<number>, r * classes, classes)]!)
  return Array.from(data as ArrayLike<bigint | string>, (label) => toClass(output, label))
}

function argMax(scores: ArrayLike<number>, from: number, count: number): number {
  let best = 0
  for (let c = 1; c < count; c++) if (scores[from + c]! > scores[from + best]!) best = c
  return best
}

/** An integer label is the class of that name where there is one, else the class at that position. */
function toClass(output: Output, label: bigint | number | string): string {
  const text = String(label)
  if (typeof label === 'string' || output.classes!.includes(text)) return text
  return output.classes![Number(label)] ?? text
}
