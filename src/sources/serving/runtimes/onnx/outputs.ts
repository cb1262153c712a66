import type { InferenceSession } from 'onnxruntime-node'
import { type Column, type ModelSchema, type Output, widthOf, zeros } from '../../../../watch/contract.ts'
import { runtimeErrors } from '../errors.ts'

type Data = ArrayLike<number> | ArrayLike<bigint> | readonly string[]

const small = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32']
const fractions = ['float32', 'float64']
/** Tensor types each output can be read from without any of its answers becoming another. float16 is not read by onnxruntime's binding for Node.js. */
const readable: Readonly<Record<string, readonly string[]>> = {
  regression: [...fractions, ...small, 'int64', 'uint64'],
  classification: [...fractions, ...small, 'int64', 'uint64', 'bool', 'string'],
  'value number': [...fractions, ...small],
  'value int64': ['int64', ...small],
  'value uint64': ['uint64', 'uint8', 'uint16', 'uint32'],
  'value text': ['string'],
}

/**
 * How the model's output tensors become columns. An output is found by its name; a model with one output and a schema with one need not agree on it.
 * A regression is one number a row, or as many as its shape has. A classification is a label a row (text, or an integer: the class itself, or its
 * position), or a score for each class, of which the highest wins. A value is what it is.
 *
 * @throws MW_MODEL_MISMATCH when an output of model.yaml is not among the model's, or is of a type or shape that cannot be read as its kind.
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
    const kind = output.kind === 'value' ? `value ${output.type}` : output.kind
    if (!meta.isTensor || readable[kind]?.includes(meta.type) !== true) {
      throw runtimeErrors.MW_MODEL_MISMATCH(
        `${modelPath} answers ${tensor} as ${meta.isTensor ? meta.type : 'no tensor'}; a ${kind} cannot be read from it`,
      )
    }
    if (output.kind !== 'classification') checkShape(output, tensor, meta.shape, modelPath)
    return { output, tensor }
  })

  return {
    fetches: [...new Set(bound.map(({ tensor }) => tensor))],
    toColumns(results: InferenceSession.OnnxValueMapType, rows: number): Column[] {
      return bound.map(({ output, tensor }) => toColumn(output, (results[tensor] as { data: Data }).data, rows, modelPath))
    },
  }
}

/** Dimensions behind the first one, those of one left out, as far as the model says them. What it does not say is seen when it answers. */
function checkShape(output: Output, tensor: string, shape: readonly (number | string)[], modelPath: string): void {
  const inner = shape.slice(1)
  if (inner.some((size) => typeof size === 'string')) return
  const told = shape.length === 0 ? undefined : inner.filter((size) => size !== 1).join(', ')
  if (told === undefined || told === (output.shape ?? []).filter((size) => size !== 1).join(', ')) return
  const has = output.shape === undefined ? 'one value a row' : `the shape [${output.shape.join(', ')}] a row`
  throw runtimeErrors.MW_MODEL_MISMATCH(
    `${modelPath} answers ${tensor} with the shape [${shape.join(', ')}]; in model.yaml ${output.name} has ${has}`,
  )
}

function toColumn(output: Output, data: Data, rows: number, modelPath: string): Column {
  const classes = output.classes?.length ?? 1
  const scored = output.kind === 'classification' && data.length === rows * classes && typeof data[0] === 'number' && rows > 0
  const wanted = rows * widthOf(output.shape)
  if (!scored && data.length !== wanted) {
    throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} answers ${data.length} values of ${output.name} for ${rows} rows`)
  }
  if (scored)
    return Array.from({ length: rows }, (_, r) => {
      const best = argMax(data as ArrayLike<number>, r * classes, classes)
      if (best === undefined)
        throw runtimeErrors.MW_MODEL_ANSWER(`${modelPath} answers row ${r} of ${output.name} with a score that is no number`)
      return output.classes![best]!
    })
  if (output.kind === 'classification') return Array.from(data as ArrayLike<bigint | string>, (label) => toClass(output, label))
  if (output.type === 'text') return [...(data as readonly string[])]
  if (output.type === 'int64') return BigInt64Array.from(data as ArrayLike<never>, BigInt)
  if (output.type === 'uint64') return BigUint64Array.from(data as ArrayLike<never>, BigInt)
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from<bigint>(data, Number)
  const column = zeros(data.length)
  column.set(data as ArrayLike<number>) // Without a callback for each, a tenth of the time.
  return column
}

/** Undefined where one of the scores is NaN, which a missing value makes of them: no comparison with it holds, and the first class would seem to win. */
function argMax(scores: ArrayLike<number>, from: number, count: number): number | undefined {
  let best = 0
  for (let c = 0; c < count; c++) {
    const score = scores[from + c]!
    if (Number.isNaN(score)) return undefined
    if (score > scores[from + best]!) best = c
  }
  return best
}

/** An integer label is the class of that name where there is one, else the class at that position. */
function toClass(output: Output, label: bigint | number | string): string {
  const text = String(label)
  if (typeof label === 'string' || output.classes!.includes(text)) return text
  return output.classes![Number(label)] ?? text
}
