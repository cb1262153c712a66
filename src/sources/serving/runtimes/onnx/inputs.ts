import type { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Columns, Feature, ModelSchema } from '../../../../watch/index.ts'
import { runtimeErrors } from '../errors.ts'
import type { Ort } from './ort.ts'

type Feeds = Record<string, Tensor>
type Metadata = InferenceSession.TensorValueMetadata

/** Tensor types a number may be sent as. float16 has no JavaScript array that every platform shares. */
const numericArrays = {
  float32: toFloat32,
  float64: (values: Float64Array) => values,
  int32: (values: Float64Array) => new Int32Array(values),
  int64: (values: Float64Array) => BigInt64Array.from(Array.from(values, BigInt)),
  bool: (values: Float64Array) => new Uint8Array(values),
} as const
type NumericType = keyof typeof numericArrays

/** @throws MW_INPUT_UNFIT for a number that 32 bits cannot hold: it would become infinite without a word. */
function toFloat32(values: Float64Array): Float32Array {
  const narrow = new Float32Array(values)
  for (let i = 0; i < narrow.length; i++) {
    if (Math.abs(narrow[i]!) === Number.POSITIVE_INFINITY && Number.isFinite(values[i]!)) {
      throw runtimeErrors.MW_INPUT_UNFIT(`${values[i]} is too large for the model, which computes in 32 bits`)
    }
  }
  return narrow
}

const INT32_MAX = 2 ** 31 - 1

/**
 * Why a feature cannot be sent as a tensor type without some of its values silently becoming others; undefined when it can.
 * The row reader lets through what the schema allows, so the schema must rule out what the tensor cannot hold.
 */
function misfit(feature: Feature, type: string): string | undefined {
  if (feature.type === 'category') return type === 'string' ? undefined : `in model.yaml it is a category`
  if (!(type in numericArrays)) return `in model.yaml it is a ${feature.type}`
  const whole = type === 'int32' || type === 'int64' || type === 'bool'
  if (!whole) return undefined
  if (feature.nullable) return `in model.yaml it is nullable, and ${type} has no value for null`
  if (feature.type === 'number') return `in model.yaml it is a number; an integer would lose nothing`
  if (type === 'bool' && feature.type !== 'boolean') return `in model.yaml it is an ${feature.type}`
  const bounded =
    feature.enforce === 'reject' && feature.range !== undefined && feature.range[0] >= -INT32_MAX - 1 && feature.range[1] <= INT32_MAX
  return type === 'int32' && feature.type === 'integer' && !bounded ? 'model.yaml must give it a range that 32 bits hold' : undefined
}

/**
 * How rows become the model's input tensors. Two forms are known:
 * one input per feature, named after it, shape [rows] or [rows, 1]; or a single numeric input, shape [rows, features], in the schema's order.
 *
 * @throws MW_MODEL_MISMATCH naming what the model takes and what model.yaml has.
 */
export function bindInputs(ort: Ort, session: InferenceSession, modelPath: string, schema: ModelSchema): (columns: Columns) => Feeds {
  const inputs = session.inputMetadata.map((meta) => {
    if (!meta.isTensor) throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath}: the input ${meta.name} is no tensor`)
    return meta
  })
  const names = schema.features.map(({ name }) => name)
  const byName = new Map(inputs.map((meta) => [meta.name, meta]))
  if (inputs.length === names.length && names.every((name) => byName.has(name))) {
    return bindColumns(
      ort,
      modelPath,
      schema,
      names.map((name) => byName.get(name)!),
    )
  }
  if (inputs.length === 1 && inputs[0]!.shape.length === 2) return bindMatrix(ort, modelPath, schema, inputs[0]!)
  throw runtimeErrors.MW_MODEL_MISMATCH(
    `${modelPath} takes the inputs ${inputs.map(({ name }) => name).join(', ')}; model.yaml has the features ${names.join(', ')}`,
  )
}

function bindColumns(ort: Ort, modelPath: string, schema: ModelSchema, inputs: readonly Metadata[]): (columns: Columns) => Feeds {
  for (const [i, { name, type, shape }] of inputs.entries()) {
    const reason = misfit(schema.features[i]!, type)
    if (reason !== undefined) throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} takes ${name} as ${type}; ${reason}`)
    const width = shape.slice(1)
    if (shape.length > 2 || width.some((size) => typeof size === 'number' && size !== 1)) {
      throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} takes ${name} with the shape [${shape.join(', ')}]; a feature is one value a row`)
    }
  }
  return ({ rows, values }) => {
    const feeds: Feeds = {}
    for (const [i, { name, type, shape }] of inputs.entries()) {
      const dims = shape.length === 1 ? [rows] : [rows, 1]
      const column = values[i]!
      feeds[name] =
        column instanceof Float64Array
          ? new ort.Tensor(type as NumericType, numericArrays[type as NumericType](column) as never, dims)
          : new ort.Tensor('string', column as string[], dims)
    }
    return feeds
  }
}

function bindMatrix(ort: Ort, modelPath: string, schema: ModelSchema, { name, type, shape }: Metadata): (columns: Columns) => Feeds {
  for (const feature of schema.features) {
    const reason = feature.type === 'category' ? 'a category has no place in it' : misfit(feature, type)
    if (reason !== undefined)
      throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} takes one matrix ${name} of ${type}; ${feature.name}: ${reason}`)
  }
  const width = schema.features.length
  if (!(type in numericArrays) || (typeof shape[1] === 'number' && shape[1] !== width)) {
    throw runtimeErrors.MW_MODEL_MISMATCH(
      `${modelPath} takes ${name} as ${type} with ${shape[1]} columns; model.yaml has ${width} features`,
    )
  }
  return ({ rows, values }) => {
    const flat = new Float64Array(rows * width)
    for (const [f, column] of values.entries()) {
      for (let r = 0; r < rows; r++) flat[r * width + f] = (column as Float64Array)[r]!
    }
    return { [name]: new ort.Tensor(type as NumericType, numericArrays[type as NumericType](flat) as never, [rows, width]) }
  }
}
