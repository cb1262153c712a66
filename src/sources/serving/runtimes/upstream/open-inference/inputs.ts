import { type Column, type Columns, type Feature, type ModelSchema, widthOf } from '../../../../../watch/index.ts'
import { runtimeErrors } from '../../errors.ts'
import { toBase64 } from '../input-cells.ts'
import { toBareInteger } from '../json-text.ts'
import { type Datatype, datatypes, describeTensor, type ModelMetadata, type TensorMetadata } from './metadata.ts'

/** One input of a request, as the protocol has it. */
export interface InputTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly datatype: string
  readonly data: readonly unknown[]
  readonly parameters?: Readonly<Record<string, string>>
}

/**
 * How rows become input tensors: one per feature, named after it, shape [rows], [rows, 1] or [rows, ...shape]; or a single matrix [rows, features] of the features that are
 * one number a row, in the schema's order.
 * @throws MW_MODEL_MISMATCH naming what the server takes and what model.yaml has.
 */
export function bindInputs(
  { inputs }: ModelMetadata,
  schema: ModelSchema,
  place: string,
): (columns: Columns, from: number, to: number) => InputTensor[] {
  for (const { name, datatype } of inputs) {
    if (!Object.hasOwn(datatypes, datatype))
      throw runtimeErrors.MW_MODEL_MISMATCH(`${place} takes ${name} as ${datatype}, which is no datatype of the protocol`)
  }
  const byName = new Map(inputs.map((input) => [input.name, input]))
  const names = schema.features.map(({ name }) => name)
  if (inputs.length === names.length && names.every((name) => byName.has(name))) {
    const bound = schema.features.map((feature) => bindFeature(feature, byName.get(feature.name)!, place))
    return (columns, from, to) => bound.map((write, f) => write(columns.values[f]!, from, to))
  }
  if (inputs.length === 1 && inputs[0]!.shape.length === 2) return bindMatrix(inputs[0]!, schema, place)
  throw runtimeErrors.MW_MODEL_MISMATCH(
    `${place} takes ${inputs.map((input) => `${input.name} ${describeTensor(input)}`).join(', ')}; model.yaml has the features ${names.join(', ')}`,
  )
}

type WriteColumn = (column: Column, from: number, to: number) => InputTensor

function bindFeature(feature: Feature, input: TensorMetadata, place: string): WriteColumn {
  const reason = misfit(feature, input.datatype)
  if (reason !== undefined) throw runtimeErrors.MW_MODEL_MISMATCH(`${place} takes ${input.name} as ${input.datatype}; ${reason}`)
  const inner = feature.shape ?? (input.shape.length === 2 ? [1] : [])
  const fits =
    input.shape.length === inner.length + 1 && inner.every((length, i) => input.shape[i + 1] === -1 || input.shape[i + 1] === length)
  if (!fits) {
    const has = feature.shape === undefined ? 'it is one value a row' : `it has the shape [${feature.shape.join(', ')}]`
    throw runtimeErrors.MW_MODEL_MISMATCH(`${place} takes ${input.name} as ${describeTensor(input)}; in model.yaml ${has}`)
  }
  const write = writeElement(feature, datatypes[input.datatype]!, input.datatype)
  const width = widthOf(feature.shape)
  const { name, datatype } = input
  const parameters = feature.type === 'image' ? { parameters: { content_type: 'base64' } } : {}
  return (column, from, to) => ({
    name,
    shape: [to - from, ...inner],
    datatype,
    ...parameters,
    data: Array.from({ length: (to - from) * width }, (_, i) => write(column[from * width + i]!)),
  })
}

function bindMatrix(
  input: TensorMetadata,
  schema: ModelSchema,
  place: string,
): (columns: Columns, from: number, to: number) => InputTensor[] {
  const { name, datatype, shape } = input
  const width = schema.features.length
  for (const feature of schema.features) {
    const mixed = feature.type === 'category' || feature.type === 'image' || feature.shape !== undefined
    const reason = mixed
      ? `it is ${feature.shape === undefined ? `a ${feature.type}` : 'of a shape of its own'}, which has no place in a matrix`
      : misfit(feature, datatype)
    if (reason !== undefined) {
      throw runtimeErrors.MW_MODEL_MISMATCH(`${place} takes one matrix, ${name} ${describeTensor(input)}; ${feature.name}: ${reason}`)
    }
  }
  if (shape[1] !== -1 && shape[1] !== width) {
    throw runtimeErrors.MW_MODEL_MISMATCH(`${place} takes ${name} with ${shape[1]} columns; model.yaml has ${width} features`)
  }
  const writers = schema.features.map((feature) => writeElement(feature, datatypes[datatype]!, datatype))
  return ({ values }, from, to) => {
    const data: unknown[] = []
    for (let r = from; r < to; r++) for (let f = 0; f < width; f++) data.push(writers[f]!(values[f]![r]!))
    return [{ name, shape: [to - from, width], datatype, data }]
  }
}

/** Why a feature cannot be sent as a datatype without some of its values silently becoming others; undefined when it can. */
function misfit(feature: Feature, name: string): string | undefined {
  const { type, nullable } = feature
  const { kind } = datatypes[name]!
  const is = `in model.yaml it is ${/^[aiu]/.test(type) ? 'an' : 'a'} ${type}`
  if (type === 'category' || type === 'image') return kind === 'bytes' ? undefined : is
  if (kind === 'bytes') return is
  if (kind === 'bool')
    return type !== 'boolean' ? is : nullable ? `in model.yaml it is nullable, and ${name} has no value for null` : undefined
  if (type === 'int64' || type === 'uint64') return kind === 'whole' ? undefined : `${is}, of which ${name} loses digits`
  if (kind !== 'whole') return undefined
  if (nullable) return `in model.yaml it is nullable, and ${name} has no value for null`
  return type === 'number' ? `${is}; an integer would lose nothing` : undefined
}

type WriteElement = (value: Column[number]) => unknown

function writeElement({ name, type }: Feature, datatype: Datatype, datatypeName: string): WriteElement {
  const refuse = (value: unknown) =>
    runtimeErrors.MW_INPUT_UNFIT(`${name}: ${String(value)} does not fit into ${datatypeName}, which the model takes`)
  if (type === 'category') return (value) => value
  if (type === 'image') return (value) => toBase64(value as Uint8Array)
  if (datatype.kind === 'bool') return (value) => value !== 0
  if (datatype.kind === 'whole') {
    const { min, max } = datatype
    return (value) => {
      const whole = BigInt(value as number | bigint)
      if (whole < min || whole > max) throw refuse(value)
      return typeof value === 'bigint' ? toBareInteger(whole) : value
    }
  }
  const max = datatype.kind === 'float' ? datatype.max : Number.POSITIVE_INFINITY
  return (value) => {
    if (Math.abs(value as number) >= max) throw refuse(value)
    return Number.isNaN(value as number) ? null : value // JSON has no NaN; servers on numpy read null as one.
  }
}
