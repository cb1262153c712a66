import { type Feature, type ModelSchema, widthOf } from '../../../../watch/index.ts'
import { datatypeOf, kindsOf } from './datatypes.ts'
import { invalid, isObject, readTensor, type Tensor } from './read-tensor.ts'

/** An inference request, its tensors turned into rows for the model's row reader. */
export interface InferRequest {
  readonly id: string | undefined
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Outputs asked for, by their place in the schema, in the client's order. */
  readonly outputs: readonly number[]
}

const ID_LENGTH_MAX = 1024

/**
 * Compiles the reader of inference requests for a model. Inputs come in one of two forms: a tensor per feature, named after it, of shape [n], [n, 1] or
 * [n, …its shape]; or one tensor of any name, of shape [n, features], with the features in the schema's order, where all are single numbers. Where the model
 * has one feature, the name of the one tensor makes no difference.
 * @returns a function that throws MW_BODY_INVALID naming what is wrong. Values themselves are judged by the row reader, feature by feature.
 */
export function compileRequestReader(schema: ModelSchema, rowsMax: number): (body: unknown) => InferRequest {
  const { features } = schema
  const byName = new Map(features.map((feature) => [feature.name, feature]))
  const outputNames = schema.outputs.map(({ name }) => name)
  const all = outputNames.map((_, o) => o)
  const isMatrix = features.every(({ type, shape }) => shape === undefined && matrixTypes.has(type))

  const toRows = (tensors: readonly Tensor[]): Record<string, unknown>[] => {
    const [first] = tensors
    if (first === undefined) throw invalid(`inputs must hold a tensor for each of ${[...byName.keys()].join(', ')}`)
    const count = first.shape[0]!
    const other = tensors.find(({ shape }) => shape[0] !== count)
    if (other !== undefined) {
      throw invalid(`${other.name} has ${other.shape[0]} rows, ${first.name} ${count}: the first dimension of all inputs is the same`)
    }
    if (count > rowsMax) throw invalid(`${first.name} has ${count} rows; one request may have ${rowsMax}`)
    if (tensors.length === 1 && features.length === 1) return fill(count, [toColumn(first, features[0]!)])
    if (tensors.length === 1 && isMatrix && first.shape.length === 2 && !(byName.has(first.name) && first.shape[1] === 1)) {
      return fill(count, toMatrixColumns(first, features))
    }
    return fill(
      count,
      tensors.map((tensor) => {
        const feature = byName.get(tensor.name)
        if (feature === undefined) {
          const matrix = isMatrix ? `, or one tensor of shape [rows, ${features.length}]` : ''
          throw invalid(
            `${tensor.name.slice(0, 64)} is not an input of ${schema.name}; its inputs are ${[...byName.keys()].join(', ')}${matrix}`,
          )
        }
        return toColumn(tensor, feature)
      }),
    )
  }

  return (body) => {
    if (!isObject(body)) throw invalid('the body must be an object with inputs')
    const { id, parameters, inputs, outputs } = body
    if (id !== undefined && (typeof id !== 'string' || id.length > ID_LENGTH_MAX)) {
      throw invalid(`id must be a string of at most ${ID_LENGTH_MAX} characters`)
    }
    if (parameters !== undefined && !isObject(parameters)) throw invalid('parameters must be an object')
    if (!Array.isArray(inputs)) throw invalid('inputs must be a list of tensors')
    if (inputs.length > features.length) {
      throw invalid(
        `inputs holds ${inputs.length} tensors; ${schema.name} has ${features.length} features: ${[...byName.keys()].join(', ')}`,
      )
    }
    const tensors = inputs.map(readTensor)
    const twice = tensors.find(({ name }, i) => tensors.findIndex((tensor) => tensor.name === name) < i)
    if (twice !== undefined) throw invalid(`the input ${twice.name.slice(0, 64)} stands twice`)
    return { id, rows: toRows(tensors), outputs: outputs === undefined ? all : readOutputs(outputs, outputNames, all) }
  }
}

function readOutputs(outputs: unknown, names: readonly string[], all: readonly number[]): readonly number[] {
  if (!Array.isArray(outputs)) throw invalid('outputs must be a list of objects with a name')
  if (outputs.length === 0) return all
  const asked = outputs.map((output: unknown) => {
    const name = isObject(output) ? output.name : undefined
    if (typeof name !== 'string') throw invalid('outputs must be a list of objects with a name')
    const index = names.indexOf(name)
    if (index < 0) throw invalid(`${name.slice(0, 64)} is not an output of the model; its outputs are ${names.join(', ')}`)
    const parameters = (output as { parameters?: unknown }).parameters
    if (isObject(parameters) && parameters.classification !== undefined) {
      throw invalid(`${name}: the classification extension is not supported; ask for the output without it`)
    }
    return index
  })
  return [...new Set(asked)]
}

interface NamedColumn {
  readonly name: string
  at(row: number): unknown
}

function fill(count: number, columns: readonly NamedColumn[]): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, r) => {
    const row: Record<string, unknown> = {}
    for (const { name, at } of columns) row[name] = at(r)
    return row
  })
}

/** @throws MW_BODY_INVALID when the tensor's datatype or shape is not the feature's. */
function toColumn(tensor: Tensor, feature: Feature): NamedColumn {
  const { name, type, shape } = feature
  if (!kindsOf[type].includes(tensor.datatype.kind)) {
    throw invalid(`${name} is ${describe(feature)}; send it as ${datatypeOf(feature)}, not ${tensor.datatypeName}`)
  }
  const inner = tensor.shape.slice(1)
  const fits = shape === undefined ? inner.length === 0 || (inner.length === 1 && inner[0] === 1) : inner.join() === shape.join()
  if (!fits) {
    const want = shape === undefined ? '[rows] or [rows, 1]' : `[rows, ${shape.join(', ')}]`
    throw invalid(`${name} has the shape [${tensor.shape.join(', ')}]; the model takes ${want}`)
  }
  const { data } = tensor
  const narrow = type === 'number' || type === 'integer'
  const values = narrow ? data.map((value, i) => toNumber(value, name, i)) : data
  if (shape === undefined) return { name, at: (r) => values[r] }
  const width = widthOf(shape)
  return { name, at: (r) => wholeOrNull(values.slice(r * width, (r + 1) * width)) }
}

/** A value with a shape is absent as a whole: a tensor says so with nulls only. */
const wholeOrNull = (values: readonly unknown[]) => (values.every((value) => value === null) ? null : values)

const matrixTypes: ReadonlySet<Feature['type']> = new Set(['number', 'integer', 'boolean'])

/** @throws MW_BODY_INVALID when the matrix has another width, or is not of numbers. */
function toMatrixColumns(tensor: Tensor, features: readonly Feature[]): NamedColumn[] {
  const width = features.length
  const { datatype, data } = tensor
  if (tensor.shape[1] !== width) {
    const names = features.map(({ name }) => name).join(', ')
    throw invalid(`${tensor.name.slice(0, 64)} has ${tensor.shape[1]} columns; the model has ${width} features: ${names}`)
  }
  if (datatype.kind !== 'whole' && datatype.kind !== 'float') {
    throw invalid(`one tensor for all features must be of numbers, not ${tensor.datatypeName}`)
  }
  return features.map(({ name, type }, f) => {
    if (type === 'boolean') return { name, at: (r) => toBoolean(data[r * width + f]) }
    return { name, at: (r) => toNumber(data[r * width + f], name, r * width + f) }
  })
}

/** In a matrix of numbers a boolean is 0 or 1; another number stays one, for the row reader to refuse. */
const toBoolean = (value: unknown) => (value === 1 ? true : value === 0 ? false : value)

function toNumber(value: unknown, name: string, index: number): unknown {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw invalid(
    `${name}, datum ${index}: ${value} is more than the model holds exactly; a number or integer has at most ±${Number.MAX_SAFE_INTEGER}`,
  )
}

const describe = ({ type }: Feature) => `${/^[aeio]/.test(type) ? 'an' : 'a'} ${type}`
