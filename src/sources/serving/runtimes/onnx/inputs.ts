import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { type Column, type Columns, type Feature, type ModelSchema, zeros } from '../../../../watch/contract.ts'
import { runtimeErrors } from '../errors.ts'
import type { Ort } from './ort.ts'
import { misfit, tensorTypes } from './tensors.ts'

type Feeds = Record<string, Tensor>
type Metadata = InferenceSession.TensorValueMetadata

/**
 * How rows become the model's input tensors. Two forms are known:
 * one input per feature, named after it, shape [rows], [rows, 1] or [rows, …its shape]; or a single numeric input, shape [rows, features], in the
 * schema's order. A model of one input and one feature with a shape need not agree on its name.
 *
 * @throws MW_MODEL_MISMATCH naming what the model takes and what model.yaml has.
 */
export function bindInputs(ort: Ort, session: InferenceSession, modelPath: string, schema: ModelSchema): (columns: Columns) => Feeds {
  const inputs = session.inputMetadata.map((meta) => {
    if (!meta.isTensor) throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath}: the input ${meta.name} is no tensor`)
    if (typeof meta.shape[0] === 'number' && meta.shape[0] !== 0) {
      throw runtimeErrors.MW_MODEL_MISMATCH(
        `${modelPath} takes ${meta.name} with the shape [${meta.shape.join(', ')}], in batches of ${meta.shape[0]} only; export it with a first dimension of any size`,
      )
    }
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
  if (inputs.length === 1 && names.length === 1 && schema.features[0]!.shape !== undefined)
    return bindColumns(ort, modelPath, schema, inputs)
  if (inputs.length === 1 && inputs[0]!.shape.length === 2) return bindMatrix(ort, modelPath, schema, inputs[0]!)
  throw runtimeErrors.MW_MODEL_MISMATCH(
    `${modelPath} takes the inputs ${inputs.map(({ name }) => name).join(', ')}; model.yaml has the features ${names.join(', ')}`,
  )
}

function bindColumns(ort: Ort, modelPath: string, schema: ModelSchema, inputs: readonly Metadata[]): (columns: Columns) => Feeds {
  const bound = inputs.map((input, i) => {
    const feature = schema.features[i]!
    const { name, type, shape } = input
    const reason = misfit(feature, type)
    if (reason !== undefined) throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} takes ${name} as ${type}; ${reason}`)
    const wrong = misshape(feature, shape)
    if (wrong !== undefined) {
      throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} takes ${name} with the shape [${shape.join(', ')}]; ${wrong}`)
    }
    return { name, type, inner: feature.shape ?? (shape.length === 1 ? [] : [1]) }
  })
  return ({ rows, values }) => {
    const feeds: Feeds = {}
    for (const [i, { name, type, inner }] of bound.entries()) feeds[name] = toTensor(ort, type, values[i]!, [rows, ...inner])
    return feeds
  }
}

/** Why rows of a feature do not fill an input of this shape; undefined when they do, or when the model says no shape. */
function misshape(feature: Feature, shape: readonly (number | string)[]): string | undefined {
  if (shape.length === 0) return undefined
  const inner = shape.slice(1)
  if (feature.shape === undefined) {
    const one = inner.length === 0 || (inner.length === 1 && (typeof inner[0] === 'string' || inner[0] === 1))
    return one ? undefined : 'a feature without a shape is one value a row'
  }
  const equal = inner.length === feature.shape.length && inner.every((size, d) => typeof size === 'string' || size === feature.shape![d])
  return equal ? undefined : `in model.yaml a row has the shape [${feature.shape.join(', ')}]`
}

function bindMatrix(ort: Ort, modelPath: string, schema: ModelSchema, { name, type, shape }: Metadata): (columns: Columns) => Feeds {
  for (const feature of schema.features) {
    const reason = outOfPlace(feature) ?? misfit(feature, type)
    if (reason !== undefined)
      throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} takes one matrix ${name} of ${type}; ${feature.name}: ${reason}`)
  }
  const width = schema.features.length
  if (typeof shape[1] === 'number' && shape[1] !== width) {
    throw runtimeErrors.MW_MODEL_MISMATCH(
      `${modelPath} takes ${name} as ${type} with ${shape[1]} columns; model.yaml has ${width} features`,
    )
  }
  return ({ rows, values }) => {
    const flat = zeros(rows * width)
    for (const [f, column] of values.entries()) {
      for (let r = 0; r < rows; r++) flat[r * width + f] = (column as Float64Array)[r]!
    }
    return { [name]: toTensor(ort, type, flat, [rows, width]) }
  }
}

/** A matrix is made of one double a row and feature. */
function outOfPlace({ type, shape }: Feature): string | undefined {
  if (shape !== undefined) return 'a feature with a shape has no place in it'
  if (type === 'number' || type === 'integer' || type === 'boolean') return undefined
  return `${type === 'int64' || type === 'image' ? 'an' : 'a'} ${type} has no place in it`
}

/** @throws MW_INPUT_UNFIT for a number that 32 bits cannot hold: it would become infinite without a word. */
function toTensor(ort: Ort, type: string, column: Column, dims: readonly number[]): Tensor {
  const data = column instanceof Float64Array ? tensorTypes[type]!.from(column) : column
  if (data instanceof Float32Array) refuseOverflow(data, column as Float64Array)
  return new ort.Tensor(type as never, data as never, dims)
}

function refuseOverflow(narrow: Float32Array, values: Float64Array): void {
  for (let i = 0; i < narrow.length; i++) {
    if (Math.abs(narrow[i]!) === Number.POSITIVE_INFINITY && Number.isFinite(values[i]!)) {
      throw runtimeErrors.MW_INPUT_UNFIT(`${values[i]} is too large for the model, which computes in 32 bits`)
    }
  }
}
