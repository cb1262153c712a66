import type { FeatureValues } from '../../../../watch/index.ts'
import type { BinaryData, TensorElements } from './binary-data.ts'
import { type Datatype, datatypes } from './datatypes.ts'
import { invalid, isObject, toOptional } from './invalid.ts'

/** An input tensor whose data fill its shape and are of its datatype. */
export interface Tensor {
  readonly name: string
  readonly datatypeName: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  /**
   * Row by row. Numbers together where all are; else a list, null where a value is absent, of 64-bit integers that a number cannot hold bigint, of binary data of BYTES
   * the bytes of each.
   */
  readonly data: FeatureValues['data']
}

const NAME_SHOWN_MAX = 64
const DIMENSIONS_MAX = 16
const VALUE_SHOWN_MAX = 60

/**
 * Reads one element of `inputs`, its data from the JSON or from behind it.
 * @param binary - Undefined where no binary data follows the JSON.
 * @throws MW_BODY_INVALID naming the tensor, and the place of a datum that its datatype cannot hold.
 */
export function readTensor(value: unknown, index: number, binary: BinaryData | undefined): Tensor {
  if (!isObject(value)) throw invalid(`inputs[${index}] must be an object with name, shape, datatype and data`)
  const { name, shape, datatype: datatypeName } = value
  const data = toOptional(value.data)
  const parameters = toOptional(value.parameters)
  if (typeof name !== 'string') throw invalid(`inputs[${index}].name must be a string`)
  const shown = name.slice(0, NAME_SHOWN_MAX)
  const datatype = typeof datatypeName === 'string' ? datatypes.get(datatypeName) : undefined
  if (datatype === undefined) {
    const got = typeof datatypeName === 'string' ? JSON.stringify(datatypeName.slice(0, NAME_SHOWN_MAX)) : typeof datatypeName
    throw invalid(`the datatype of ${shown} must be one of ${[...datatypes.keys()].join(', ')}, got ${got}`)
  }
  if (parameters !== undefined && !isObject(parameters)) throw invalid(`the parameters of ${shown} must be an object`)
  // It would give the tensor another meaning, and cannot be passed over.
  if (parameters?.shared_memory_region !== undefined) throw invalid(`${shown}: shared memory is not supported; send the data itself`)
  if (!isShape(shape)) throw invalid(`the shape of ${shown} must be a list of 1 to ${DIMENSIONS_MAX} whole numbers of at least 0`)
  const count = shape.reduce((product, length) => product * length, 1)
  const elements = { datatype, datatypeName: datatypeName as string, count, shown }
  const size = parameters?.binary_data_size
  const values = size === undefined ? readJson(data, shape, elements) : readBehind(size, data, binary, elements)
  return { name, datatypeName: datatypeName as string, datatype, shape, data: values }
}

function readBehind(size: unknown, data: unknown, binary: BinaryData | undefined, elements: TensorElements): Tensor['data'] {
  const { shown } = elements
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw invalid(`${shown}: binary_data_size must be a number of bytes`)
  if (data !== undefined) throw invalid(`${shown} has data and binary_data_size; one of them holds its values`)
  if (binary !== undefined) return binary.read(size, elements)
  throw invalid(`${shown}: binary data needs the header Inference-Header-Content-Length, the length of the JSON in front of it`)
}

function readJson(data: unknown, shape: readonly number[], { datatype, datatypeName, count, shown }: TensorElements): Tensor['data'] {
  if (!Array.isArray(data)) throw invalid(`the data of ${shown} must be a list`)
  const flat = flatten(data, shape, count)
  if (flat === undefined) {
    throw invalid(`the data of ${shown} must be ${count} values, as its shape [${shape.join(', ')}] says, flat or nested in that shape`)
  }
  const numbers = datatype.numbers === undefined ? undefined : toNumbers(flat, datatype.numbers, datatype.kind === 'whole')
  return numbers ?? readData(flat, datatype, datatypeName, shown)
}

/** All data as numbers; undefined where one is not a number between these bounds, both left out. */
function toNumbers(flat: readonly unknown[], [low, high]: readonly [number, number], isWhole: boolean): Float64Array | undefined {
  const numbers = new Float64Array(flat.length)
  for (let i = 0; i < flat.length; i++) {
    const datum = flat[i]
    if (typeof datum !== 'number' || !(datum > low && datum < high) || (isWhole && Math.floor(datum) !== datum)) return undefined
    numbers[i] = datum
  }
  return numbers
}

/** Datum by datum. */
function readData(flat: readonly unknown[], datatype: Datatype, datatypeName: string, shown: string): unknown[] {
  return flat.map((datum, i) => {
    const value = datum === null ? null : datatype.read(datum)
    if (value === undefined) throw invalid(`${shown}, datum ${i}: ${datatypeName} is ${datatype.says}, got ${show(datum)}`)
    return value
  })
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
  if (typeof value === 'number' && !Number.isFinite(value)) return 'a number that is not finite' // NaN is read as Infinity: see json-body.
  return typeof value === 'object' ? 'an object' : String(value)
}
