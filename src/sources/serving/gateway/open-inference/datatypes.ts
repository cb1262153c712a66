import type { Feature, Output } from '../../../../watch/index.ts'

/** What a tensor's elements are, as the protocol names it. */
export interface Datatype {
  readonly kind: 'bool' | 'whole' | 'float' | 'bytes'
  /** A datum as it is; undefined when it is none of this type, or one that the type cannot hold. */
  read(value: unknown): unknown
  /** What a datum must be. */
  readonly says: string
}

const whole = (low: number, high: number): Datatype => ({
  kind: 'whole',
  read: (value) => (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high ? value : undefined),
  says: `a whole number from ${low} to ${high}`,
})

const digits = /^-?\d{1,20}$/

/** A JSON number that is exact, or one whose digits were kept, or a string of digits. */
const wide = (low: bigint, high: bigint): Datatype => ({
  kind: 'whole',
  read(value) {
    if (typeof value === 'number') return Number.isSafeInteger(value) && value >= low ? value : undefined
    const exact = typeof value === 'bigint' ? value : typeof value === 'string' && digits.test(value) ? BigInt(value) : undefined
    return exact !== undefined && exact >= low && exact <= high ? exact : undefined
  },
  says: `a whole number from ${low} to ${high}`,
})

/** What is not finite is left to the row reader, which refuses it by name. @param limit - The smallest number that rounds to infinity. */
const float = (limit: number, bits: number): Datatype => ({
  kind: 'float',
  read(value) {
    const number = typeof value === 'bigint' ? Number(value) : value
    return typeof number === 'number' && (Math.abs(number) < limit || !Number.isFinite(number)) ? number : undefined
  },
  says: `a number that ${bits} bits hold`,
})

/** Every datatype of the Open Inference Protocol. */
export const datatypes: ReadonlyMap<string, Datatype> = new Map(
  Object.entries({
    BOOL: { kind: 'bool', read: (value) => (typeof value === 'boolean' ? value : undefined), says: 'true or false' },
    UINT8: whole(0, 2 ** 8 - 1),
    UINT16: whole(0, 2 ** 16 - 1),
    UINT32: whole(0, 2 ** 32 - 1),
    UINT64: wide(0n, 2n ** 64n - 1n),
    INT8: whole(-(2 ** 7), 2 ** 7 - 1),
    INT16: whole(-(2 ** 15), 2 ** 15 - 1),
    INT32: whole(-(2 ** 31), 2 ** 31 - 1),
    INT64: wide(-(2n ** 63n), 2n ** 63n - 1n),
    FP16: float(65520, 16),
    FP32: float(2 ** 128 - 2 ** 103, 32),
    FP64: float(Number.POSITIVE_INFINITY, 64),
    BYTES: { kind: 'bytes', read: (value) => (typeof value === 'string' ? value : undefined), says: 'a string' },
  } satisfies Record<string, Datatype>),
)

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
