import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { runtimeErrors } from '../../errors.ts'

const Tensor = Type.Object({ name: Type.String(), datatype: Type.String(), shape: Type.Array(Type.Integer()) })
const Metadata = Type.Object({ name: Type.String(), inputs: Type.Array(Tensor), outputs: Type.Array(Tensor) })

/** What a server says of one input or output; a length of −1 is free. */
export interface TensorMetadata {
  readonly name: string
  readonly datatype: string
  readonly shape: readonly number[]
}

export interface ModelMetadata {
  readonly name: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
}

/**
 * Checks the answer to `GET v2/models/NAME`. Keys beyond those of the protocol are passed over.
 * @throws MW_MODEL_MISMATCH when it is none.
 */
export function checkMetadata(body: unknown, place: string): ModelMetadata {
  if (!Value.Check(Metadata, body)) {
    const [error] = Value.Errors(Metadata, body)
    throw runtimeErrors.MW_MODEL_MISMATCH(
      `${place} is not the metadata of a model in the Open Inference Protocol v2: ${error?.instancePath || 'it'} ${error?.message ?? 'is wrong'}`,
    )
  }
  if (body.inputs.length === 0)
    throw runtimeErrors.MW_MODEL_MISMATCH(`${place} does not say what the model takes: its inputs are an empty list`)
  return body
}

/** A datatype, with what it can hold. */
export type Datatype =
  | { readonly kind: 'whole'; readonly min: bigint; readonly max: bigint }
  | { readonly kind: 'float'; readonly max: number }
  | { readonly kind: 'bool' }
  | { readonly kind: 'bytes' }

const signed = (bits: bigint): Datatype => ({ kind: 'whole', min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n })
const unsigned = (bits: bigint): Datatype => ({ kind: 'whole', min: 0n, max: (1n << bits) - 1n })

/** Of the Open Inference Protocol v2. The bound of a float is where rounding begins to give infinity: the largest number and half a step. */
export const datatypes: Readonly<Record<string, Datatype>> = {
  BOOL: { kind: 'bool' },
  INT8: signed(8n),
  INT16: signed(16n),
  INT32: signed(32n),
  INT64: signed(64n),
  UINT8: unsigned(8n),
  UINT16: unsigned(16n),
  UINT32: unsigned(32n),
  UINT64: unsigned(64n),
  FP16: { kind: 'float', max: 65_520 },
  FP32: { kind: 'float', max: 2 ** 128 - 2 ** 103 },
  FP64: { kind: 'float', max: Number.POSITIVE_INFINITY },
  BYTES: { kind: 'bytes' },
}

/** `FP32 [-1, 3]`, as messages say it. */
export const describeTensor = ({ datatype, shape }: TensorMetadata) => `${datatype} [${shape.join(', ')}]`
