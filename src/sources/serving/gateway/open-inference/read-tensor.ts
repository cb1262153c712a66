import { gatewayErrors } from '../errors.ts'
import { type Datatype, datatypes } from './datatypes.ts'

/** An input tensor whose data fill its shape and are of its datatype. */
export interface Tensor {
  readonly name: string
  readonly datatypeName: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  /** Row by row; null where a value is absent. 64-bit integers that a number cannot hold are bigint. */
  readonly data: readonly unknown[]
}

const NAME_SHOWN_MAX = 64
const DIMENSIONS_MAX = 16
const VALUE_SHOWN_MAX = 60

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const hint = 'GET /v2/models/MODEL says which inputs the model takes; docs/serving.md has an example.'
export const invalid = (message: string) => gatewayErrors.MW_BODY_INVALID(message, { hint })

/** Parameters of extensions that would give a tensor another meaning, and cannot be passed over. */
const unsupported: Readonly<Record<string, string>> = {
  binary_data_size: 'binary tensor data is not supported; send data as JSON',
  shared_memory_region: 'shared memory is not supported; send data as JSON',
}

/**
 * Reads one element of `inputs`.
 * @throws MW_BODY_INVALID naming the tensor, and the place of a datum that its datatype cannot hold.
 */
export function readTensor(value: unknown, index: number): Tensor {
  if (!isObject(value)) throw invalid(`inputs[${index}] must be an object with name, shape, datatype and data`)
  const { name, shape, datatype: datatypeName, data, parameters } = value
  if (typeof name !== 'string') throw invalid(`inputs[${index}].name must be a string`)
  const shown = name.slice(0, NAME_SHOWN_MAX)
  const datatype = typeof datatypeName === 'string' ? datatypes.get(datatypeName) : undefined
  if (datatype === undefined) {
    const got = typeof datatypeName === 'string' ? JSON.stringify(datatypeName.slice(0, NAME_SHOWN_MAX)) : typeof datatypeName
    throw invalid(`the datatype of ${shown} must be one of ${[...datatypes.keys()].join(', ')}, got ${got}`)
  }
  if (parameters !== undefined && !isObject(parameters)) throw invalid(`the parameters of ${shown} must be an object`)
  for (const key in unsupported) if (parameters?.[key] !== undefined) throw invalid(`${shown}: ${unsupported[key]}`)
  if (!isShape(shape)) throw invalid(`the shape of ${shown} must be a list of 1 to ${DIMENSIONS_MAX} whole numbers of at least 0`)
  if (!Array.isArray(data)) throw invalid(`the data of ${shown} must be a list`)
  const count = shape.reduce((product, length) => product * length, 1)
  const flat = flatten(data, shape, count)
  if (flat === undefined) {
    throw invalid(`the data of ${shown} must be ${count} values, as its shape [${shape.join(', ')}] says, flat or nested in that shape`)
  }
  return { name, datatypeName: datatypeName as string, datatype, shape, data: readData(flat, datatype, datatypeName as string, shown) }
}

function readData(flat: readonly unknown[], datatype: Datatype, datatypeName: string, shown: string): unknown[] {
  const values = new Array<unknown>(flat.length)
  for (let i = 0; i < flat.length; i++) {
    const datum = flat[i]
    const value = datum === null ? null : datatype.read(datum)
    if (value === undefined) throw invalid(`${shown}, datum ${i}: ${datatypeName} is ${datatype.says}, got ${show(datum)}`)
    values[i] = value
  }
  return values
}

const isShape = (shape: unknown): shape is readonly number[] =>
  Array.isArray(shape) &&
  shape.length > 0 &&
  shape.length <= DIMENSIONS_MAX &&
  shape.every((length) => typeof length === 'number' && Number.isSafeInteger(length) && length >= 0)

/** All data row by row; undefined when they do not fill the shape. */
function flatten(data: readonly unknown[], shape: readonly number[], count: number): readonly unknown[] | undefined {
  if (data.length === count && !Array.isArray(data[0])) return data
  const flat: unknown[] = []
  return unnest(data, shape, 0, flat) && flat.length === count ? flat : undefined
}

function unnest(data: unknown, shape: readonly number[], dimension: number, into: unknown[]): boolean {
  if (!Array.isArray(data) || data.length !== shape[dimension]) return false
  if (dimension + 1 < shape.length) return data.every((inner) => unnest(inner, shape, dimension + 1, into))
  for (const datum of data) into.push(datum)
  return true
}

/** A client's datum in an error. Never looks inside: a stranger chose its depth. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > VALUE_SHOWN_MAX ? `${value.slice(0, VALUE_SHOWN_MAX)}…` : value)
  if (Array.isArray(value)) return `a list of ${value.length}`
  return typeof value === 'object' ? 'an object' : String(value)
}
