import { compileColumnReader, type Feature, type FeatureValues, type ModelSchema, type ReadRows, widthOf } from '../../../../watch/index.ts'
import { cutBody, toTexts } from './binary-data.ts'
import { datatypeOf, kindsOf } from './datatypes.ts'
import { invalid, isObject, toOptional } from './invalid.ts'
import { parseWideBody } from './json-text.ts'
import { readTensor, type Tensor } from './read-tensor.ts'

/** An inference request, its tensors read as columns. */
export interface InferRequest {
  readonly id: string | undefined
  readonly read: ReadRows
  /** In the client's order. */
  readonly outputs: readonly AskedOutput[]
}

export interface AskedOutput {
  /** Its place in the schema. */
  readonly index: number
  /** Whether it is to be answered as binary data. */
  readonly binary: boolean
}

const ID_LENGTH_MAX = 1024

/**
 * Compiles the reader of inference requests for a model. Inputs come in one of two forms: a tensor per feature, named after it, of shape [n], [n, 1] or
 * [n, …its shape]; or one tensor of any name, of shape [n, features], with the features in the schema's order, where all are single numbers. Where the model
 * has one feature, the name of the one tensor makes no difference.
 * @returns a function of the body and of the header Inference-Header-Content-Length; it throws MW_BODY_INVALID naming what is wrong. Values themselves are judged
 *   by the model's column reader, feature by feature.
 */
export function compileRequestReader(schema: ModelSchema, rowsMax: number) {
  const { features } = schema
  const byName = new Map(features.map((feature) => [feature.name, feature]))
  const outputNames = schema.outputs.map(({ name }) => name)
  const readColumns = compileColumnReader(schema)
  const isMatrix = features.every(({ type, shape }) => shape === undefined && matrixTypes.has(type))

  const toColumns = (tensors: readonly Tensor[]): ReadRows => {
    const [first] = tensors
    if (first === undefined) throw invalid(`inputs must hold a tensor for each of ${[...byName.keys()].join(', ')}`)
    const count = first.shape[0]!
    const other = tensors.find(({ shape }) => shape[0] !== count)
    if (other !== undefined) {
      throw invalid(`${other.name} has ${other.shape[0]} rows, ${first.name} ${count}: the first dimension of all inputs is the same`)
    }
    if (count > rowsMax) throw invalid(`${first.name} has ${count} rows; one request may have ${rowsMax}`)
    if (tensors.length === 1 && features.length === 1) return readColumns(count, [toValues(first, features[0]!)])
    if (tensors.length === 1 && isMatrix && first.shape.length === 2 && !(byName.has(first.name) && first.shape[1] === 1)) {
      return readColumns(count, toMatrixValues(first, features))
    }
    const given = new Map<Feature, FeatureValues>()
    for (const tensor of tensors) {
      const feature = byName.get(tensor.name)
      if (feature === undefined) {
        const matrix = isMatrix ? `, or one tensor of shape [rows, ${features.length}]` : ''
        throw invalid(
          `${tensor.name.slice(0, 64)} is not an input of ${schema.name}; its inputs are ${[...byName.keys()].join(', ')}${matrix}`,
        )
      }
      given.set(feature, toValues(tensor, feature))
    }
    return readColumns(
      count,
      features.map((feature) => given.get(feature)),
    )
  }

  return (bytes: Buffer | undefined, headerLength: string | readonly string[] | undefined): InferRequest => {
    const { json, binary } = cutBody(bytes ?? Buffer.alloc(0), headerLength)
    const body = json.length === 0 ? undefined : parseWideBody(json.toString())
    if (!isObject(body)) throw invalid('the body must be an object with inputs')
    const { inputs } = body
    const id = toOptional(body.id)
    const parameters = toOptional(body.parameters)
    const outputs = toOptional(body.outputs)
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
    const tensors = inputs.map((input, i) => readTensor(input, i, binary))
    binary?.end()
    const twice = tensors.find(({ name }, i) => tensors.findIndex((tensor) => tensor.name === name) < i)
    if (twice !== undefined) throw invalid(`the input ${twice.name.slice(0, 64)} stands twice`)
    return { id, read: toColumns(tensors), outputs: readOutputs(outputs, outputNames, readFlag(parameters, 'binary_data_output') ?? false) }
  }
}

/** @param binary - How outputs are answered that do not say it themselves. */
function readOutputs(outputs: unknown, names: readonly string[], binary: boolean): readonly AskedOutput[] {
  if (outputs !== undefined && !Array.isArray(outputs)) throw invalid('outputs must be a list of objects with a name')
  if (outputs === undefined || outputs.length === 0) return names.map((_, index) => ({ index, binary }))
  const asked = new Map<number, AskedOutput>()
  for (const output of outputs as readonly unknown[]) {
    const name = isObject(output) ? output.name : undefined
    if (typeof name !== 'string') throw invalid('outputs must be a list of objects with a name')
    const index = names.indexOf(name)
    if (index < 0) throw invalid(`${name.slice(0, 64)} is not an output of the model; its outputs are ${names.join(', ')}`)
    const parameters = toOptional((output as { parameters?: unknown }).parameters)
    for (const [key, what] of Object.entries(unsupported)) {
      if (isObject(parameters) && parameters[key] !== undefined)
        throw invalid(`${name}: ${what} not supported; ask for the output without it`)
    }
    if (!asked.has(index)) asked.set(index, { index, binary: readFlag(parameters, 'binary_data', `${name}: `) ?? binary })
  }
  return [...asked.values()]
}

/** Extensions that would give an output another meaning. */
const unsupported = { classification: 'the classification extension is', shared_memory_region: 'shared memory is' } as const

function readFlag(parameters: unknown, key: string, where = ''): boolean | undefined {
  const flag = isObject(parameters) ? parameters[key] : undefined
  if (flag !== undefined && typeof flag !== 'boolean') throw invalid(`${where}${key} must be true or false`)
  return flag
}

/** @throws MW_BODY_INVALID when the tensor's datatype or shape is not the feature's. */
function toValues(tensor: Tensor, feature: Feature): FeatureValues {
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
  return { data: toKnown(tensor, feature), start: 0, step: widthOf(shape) }
}

/** The data as the feature's type knows it. */
function toKnown({ data }: Tensor, { name, type }: Feature): FeatureValues['data'] {
  if (type === 'number' || type === 'integer') return toNarrow(data, name)
  if (!(data[0] instanceof Uint8Array)) return data
  const elements = data as readonly Uint8Array[]
  return type === 'category' ? toTexts(elements, name) : elements.map((element) => Uint8Array.from(element)) // Pictures outlive the body, each by itself.
}

const matrixTypes: ReadonlySet<Feature['type']> = new Set(['number', 'integer', 'boolean'])

/** @throws MW_BODY_INVALID when the matrix has another width, or is not of numbers. */
function toMatrixValues(tensor: Tensor, features: readonly Feature[]): FeatureValues[] {
  const step = features.length
  if (tensor.shape[1] !== step) {
    const names = features.map(({ name }) => name).join(', ')
    throw invalid(`${tensor.name.slice(0, 64)} has ${tensor.shape[1]} columns; the model has ${step} features: ${names}`)
  }
  if (tensor.datatype.kind !== 'whole' && tensor.datatype.kind !== 'float') {
    throw invalid(`one tensor for all features must be of numbers, not ${tensor.datatypeName}`)
  }
  const data = toNarrow(tensor.data, (place) => features[place % step]!.name)
  return features.map(({ type }, start) => {
    if (type !== 'boolean') return { data, start, step }
    const flags = Array.from({ length: tensor.shape[0]! }, (_, r) => toBoolean(data[start + r * step]))
    return { data: flags, start: 0, step: 1 }
  })
}

/** In a matrix of numbers a boolean is 0 or 1; another number stays one, for the reader to refuse. */
const toBoolean = (value: unknown) => (value === 1 ? true : value === 0 ? false : value)

/** 64-bit integers as numbers. @throws MW_BODY_INVALID for one that a number does not hold exactly. */
function toNarrow(data: FeatureValues['data'], name: string | ((place: number) => string)): FeatureValues['data'] {
  if (data instanceof Float64Array) return data
  return Array.from(data as ArrayLike<unknown>, (value, i) => {
    if (typeof value !== 'bigint') return value
    const number = Number(value)
    if (Number.isSafeInteger(number)) return number
    const shown = typeof name === 'string' ? name : name(i)
    throw invalid(
      `${shown}, datum ${i}: ${value} is more than the model holds exactly; a number or integer has at most ±${Number.MAX_SAFE_INTEGER}`,
    )
  })
}

const describe = ({ type }: Feature) => `${/^[aeio]/.test(type) ? 'an' : 'a'} ${type}`
