import type { Feature, FeatureValues, Output } from '../../../../watch/index.ts'

/** What a tensor's elements are, as the protocol names it. */
export interface Datatype {
  readonly kind: 'bool' | 'whole' | 'float' | 'bytes'
  /** A datum as it is; undefined when it is none of this type, or one that the type cannot hold. */
  read(value: unknown): unknown
  /** What a datum must be. */
  readonly says: string
  /** Every number between these, themselves left out, is one of this type; of a whole type, every whole one. Undefined where numbers are not. */
  readonly numbers: readonly [number, number] | undefined
  /** As binary data; undefined for BYTES, whose elements say their own length. */
  readonly binary: BinaryForm | undefined
}

export interface BinaryForm {
  /** Bytes of one element. */
  readonly size: number
  /** @param bytes - So many elements, aligned; what is returned may share them. @returns undefined where one is none of this type. */
  decode(bytes: Uint8Array<ArrayBuffer>, count: number): FeatureValues['data'] | undefined
}

type Elements<T> = { new (bytes: ArrayBuffer, at: number, count: number): T; readonly BYTES_PER_ELEMENT: number }
/** An array of a kind laid over bytes. */
const over =
  <T>(Kind: Elements<T>) =>
  ({ buffer, byteOffset }: Uint8Array<ArrayBuffer>, count: number): T =>
    new Kind(buffer, byteOffset, count)

/** Numbers of a kind, as doubles. */
const widened = (Kind: Elements<ArrayLike<number>>): BinaryForm => {
  const lay = over(Kind)
  return { size: Kind.BYTES_PER_ELEMENT, decode: (bytes, count) => new Float64Array(lay(bytes, count)) }
}

const whole = (low: number, high: number, Kind: Elements<ArrayLike<number>>): Datatype => ({
  kind: 'whole',
  read: (value) => (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high ? value : undefined),
  says: `a whole number from ${low} to ${high}`,
  numbers: [low - 1, high + 1],
  binary: widened(Kind),
})

const digits = /^-?\d{1,20}$/

/** A JSON number that is exact, or one whose digits were kept, or a string of digits. */
const wide = (low: bigint, high: bigint, Kind: Elements<BigInt64Array | BigUint64Array>): Datatype => ({
  kind: 'whole',
  read(value) {
    if (typeof value === 'number') return Number.isSafeInteger(value) && value >= low ? value : undefined
    const exact = typeof value === 'bigint' ? value : typeof value === 'string' && digits.test(value) ? BigInt(value) : undefined
    return exact !== undefined && exact >= low && exact <= high ? exact : undefined
  },
  says: `a whole number from ${low} to ${high}`,
  numbers: [low === 0n ? -1 : -(2 ** 53), 2 ** 53],
  binary: { size: 8, decode: over(Kind) },
})

/** What is not finite is left to the row reader, which refuses it by name. @param limit - The smallest number that rounds to infinity. */
const float = (limit: number, bits: number, binary: BinaryForm): Datatype => ({
  kind: 'float',
  read(value) {
    const number = typeof value === 'bigint' ? Number(value) : value
    return typeof number === 'number' && (Math.abs(number) < limit || !Number.isFinite(number)) ? number : undefined
  },
  says: `a number that ${bits} bits hold`,
  numbers: [-limit, limit],
  binary,
})

/**
 * Every datatype of the Open Inference Protocol. Binary data is little-endian, as every processor is that onnxruntime runs on, so arrays are laid over it as it is.
 * @see https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */
export const datatypes: ReadonlyMap<string, Datatype> = new Map(
  Object.entries({
    BOOL: {
      kind: 'bool',
      read: (value) => (typeof value === 'boolean' ? value : undefined),
      says: 'true or false',
      numbers: undefined,
      binary: { size: 1, decode: decodeBooleans },
    },
    UINT8: whole(0, 2 ** 8 - 1, Uint8Array),
    UINT16: whole(0, 2 ** 16 - 1, Uint16Array),
    UINT32: whole(0, 2 ** 32 - 1, Uint32Array),
    UINT64: wide(0n, 2n ** 64n - 1n, BigUint64Array),
    INT8: whole(-(2 ** 7), 2 ** 7 - 1, Int8Array),
    INT16: whole(-(2 ** 15), 2 ** 15 - 1, Int16Array),
    INT32: whole(-(2 ** 31), 2 ** 31 - 1, Int32Array),
    INT64: wide(-(2n ** 63n), 2n ** 63n - 1n, BigInt64Array),
    FP16: float(65520, 16, { size: 2, decode: decodeHalves }),
    FP32: float(2 ** 128 - 2 ** 103, 32, widened(Float32Array)),
    FP64: float(Number.POSITIVE_INFINITY, 64, { size: 8, decode: over(Float64Array) }),
    BYTES: {
      kind: 'bytes',
      read: (value) => (typeof value === 'string' ? value : undefined),
      says: 'a string',
      numbers: undefined,
      binary: undefined,
    },
  } satisfies Record<string, Datatype>),
)

/** One byte each, 1 or 0. */
function decodeBooleans(flags: Uint8Array): readonly boolean[] | undefined {
  return flags.every((flag) => flag <= 1) ? Array.from(flags, (flag) => flag === 1) : undefined
}

const HALF_SUBNORMAL = 2 ** -24

/** Numbers of 16 bits: a sign, five of exponent, ten of fraction (IEEE 754 binary16). */
function decodeHalves(bytes: Uint8Array<ArrayBuffer>, count: number): Float64Array {
  return Float64Array.from(new Uint16Array(bytes.buffer, bytes.byteOffset, count), (half) => {
    const sign = half >>> 15 === 1 ? -1 : 1
    const exponent = (half >>> 10) & 0x1f
    const fraction = half & 0x3ff
    if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
    return sign * (exponent === 0 ? fraction * HALF_SUBNORMAL : (fraction + 0x400) * 2 ** (exponent - 25))
  })
}

/** The datatype that a feature or output is described with: it holds every value of the type. */
const described: Readonly<Record<string, string>> = {
  number: 'FP64',
  integer: 'INT64',
  boolean: 'BOOL',
  category: 'BYTES',
  int64: 'INT64',
  uint64: 'UINT64',
  image: 'BYTES',
  text: 'BYTES',
  regression: 'FP64',
  classification: 'BYTES',
}

export const datatypeOf = (value: Feature | Output): string =>
  described['kind' in value && value.kind !== 'value' ? value.kind : (value.type ?? 'number')]!

/** Kinds of tensors from which a feature of each type is read. */
export const kindsOf: Readonly<Record<Feature['type'], readonly Datatype['kind'][]>> = {
  number: ['whole', 'float'],
  integer: ['whole', 'float'],
  boolean: ['bool'],
  category: ['bytes'],
  int64: ['whole'],
  uint64: ['whole'],
  image: ['bytes'],
}
