import { type ArrayKind, type Feature, zerosOf } from '../../../../watch/contract.ts'

/** Whole numbers that a tensor type holds, both included; undefined for types that hold fractions. */
interface TensorType {
  readonly whole?: readonly [number, number]
  from(values: Float64Array): unknown
}

const whole = (low: number, high: number, from: TensorType['from']): TensorType => ({ whole: [low, high], from })

/** Doubles as elements of another kind. */
const as =
  (Kind: ArrayKind<{ set(values: Float64Array): void }>): TensorType['from'] =>
  (values) => {
    const elements = zerosOf(Kind, values.length)
    elements.set(values)
    return elements
  }

/**
 * Tensor types that doubles may be sent as. float16 is not among them: onnxruntime's binding for Node.js does not read it. 64 bits hold every whole
 * number that a double carries exactly.
 */
export const tensorTypes: Readonly<Record<string, TensorType>> = {
  float32: { from: as(Float32Array) },
  float64: { from: (values) => values },
  int8: whole(-(2 ** 7), 2 ** 7 - 1, as(Int8Array)),
  uint8: whole(0, 2 ** 8 - 1, as(Uint8Array)),
  int16: whole(-(2 ** 15), 2 ** 15 - 1, as(Int16Array)),
  uint16: whole(0, 2 ** 16 - 1, as(Uint16Array)),
  int32: whole(-(2 ** 31), 2 ** 31 - 1, as(Int32Array)),
  uint32: whole(0, 2 ** 32 - 1, as(Uint32Array)),
  int64: whole(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, (values) => BigInt64Array.from(values, BigInt as never)),
  uint64: whole(0, Number.MAX_SAFE_INTEGER, (values) => BigUint64Array.from(values, BigInt as never)),
  bool: whole(0, 1, as(Uint8Array)),
}

const named = ({ type }: Feature) => `${/^[aeio]/.test(type) ? 'an' : 'a'} ${type}`

/**
 * Why a feature cannot be sent as a tensor type without some of its values silently becoming others; undefined when it can.
 * The row reader lets through what the schema allows, so the schema must rule out what the tensor cannot hold.
 */
export function misfit(feature: Feature, type: string): string | undefined {
  if (feature.type === 'image')
    return 'in model.yaml it is an image, which this runtime does not decode; a typescript or upstream model can'
  if (feature.type === 'category') return type === 'string' ? undefined : 'in model.yaml it is a category'
  if (feature.type === 'int64' || feature.type === 'uint64')
    return type === feature.type ? undefined : `in model.yaml it is ${named(feature)}`
  const tensor = tensorTypes[type]
  if (tensor === undefined) {
    return type === 'float16'
      ? 'onnxruntime-node cannot send float16; export it with float32 inputs'
      : `in model.yaml it is ${named(feature)}`
  }
  if (tensor.whole === undefined) return undefined
  if (feature.nullable) return `in model.yaml it is nullable, and ${type} has no value for null`
  if (feature.type === 'number') return 'in model.yaml it is a number; an integer would lose nothing'
  if (feature.type === 'boolean') return undefined
  if (type === 'bool') return `in model.yaml it is ${named(feature)}`
  const [low, high] = tensor.whole
  if (low === Number.MIN_SAFE_INTEGER) return undefined // int64: every integer of the schema.
  const bounded = feature.enforce === 'reject' && feature.range !== undefined && feature.range[0] >= low && feature.range[1] <= high
  return bounded ? undefined : `model.yaml must give it a range that ${type} holds, from ${low} to ${high}`
}
