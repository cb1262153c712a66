import { type ModelSchema, type Output, widthOf } from '../../../../../watch/index.ts'
import { runtimeErrors } from '../../errors.ts'
import type { OutputColumn } from '../output-columns.ts'
import { datatypes, describeTensor, type ModelMetadata, type TensorMetadata } from './metadata.ts'

export interface BoundOutputs {
  /** Names of the tensors to ask for. */
  readonly names: readonly string[]
  /** Puts the tensors of an answer into the columns. @returns what is wrong with it; undefined when it was taken. */
  read(tensors: unknown, into: readonly OutputColumn[], from: number, to: number): string | undefined
}

/**
 * How output tensors become columns. An output is found by its name; a model with one output and a schema with one need not agree on it.
 * @throws MW_MODEL_MISMATCH when an output of model.yaml is not among the model's, or of a datatype or shape that cannot be read as its kind.
 */
export function bindOutputs({ outputs }: ModelMetadata, schema: ModelSchema, place: string): BoundOutputs {
  const sole = outputs.length === 1 && schema.outputs.length === 1 ? outputs[0] : undefined
  const bound = schema.outputs.map((output) => {
    const tensor = outputs.find(({ name }) => name === output.name) ?? sole
    if (tensor === undefined) {
      throw runtimeErrors.MW_MODEL_MISMATCH(
        `${place} answers ${outputs.map(({ name }) => name).join(', ') || 'nothing'}; model.yaml has the output ${output.name}`,
      )
    }
    const reason = misfit(output, tensor)
    if (reason !== undefined)
      throw runtimeErrors.MW_MODEL_MISMATCH(`${place} answers ${tensor.name} as ${describeTensor(tensor)}; ${reason}`)
    return { output, tensor }
  })
  return {
    names: [...new Set(bound.map(({ tensor }) => tensor.name))],
    read(tensors, into, from, to) {
      if (!Array.isArray(tensors)) return 'its outputs are no list'
      for (const [o, { output, tensor }] of bound.entries()) {
        const found: unknown = tensors.find((one: unknown) => isTensor(one) && one.name === tensor.name)
        if (!isTensor(found)) return `it has no output ${tensor.name}`
        const reason = fill(into[o]!, found, output, from, to)
        if (reason !== undefined) return `${tensor.name}: ${reason}`
      }
      return undefined
    },
  }
}

function misfit(output: Output, { datatype, shape }: TensorMetadata): string | undefined {
  if (!Object.hasOwn(datatypes, datatype)) return 'that is no datatype of the protocol'
  const { kind } = datatypes[datatype]!
  const what = output.kind === 'value' ? `a value of type ${output.type ?? 'number'}` : `a ${output.kind}`
  const unfit = `${what} cannot be read from it`
  if (!kinds(output).includes(kind)) return unfit
  const inner = shape.slice(1)
  if (inner.some((length) => length < 0) || shape.length === 0) return undefined // Known when the answer comes.
  const width = widthOf(inner)
  const scores = output.kind === 'classification' && kind === 'float' ? output.classes!.length : undefined
  return width === (scores ?? widthOf(output.shape)) ? undefined : `${unfit}, which has ${scores ?? widthOf(output.shape)} numbers a row`
}

function kinds({ kind, type = 'number' }: Output): readonly string[] {
  if (kind === 'classification') return ['bytes', 'whole', 'bool', 'float']
  if (kind === 'regression' || type === 'number') return ['float', 'whole']
  return type === 'text' || type === 'image' ? ['bytes'] : ['whole']
}

interface AnsweredTensor {
  readonly name: string
  readonly shape?: unknown
  readonly data?: unknown
}

const isTensor = (value: unknown): value is AnsweredTensor =>
  typeof value === 'object' && value !== null && typeof (value as AnsweredTensor).name === 'string'

function fill(column: OutputColumn, { shape, data }: AnsweredTensor, output: Output, from: number, to: number): string | undefined {
  const rows = to - from
  if (!Array.isArray(data)) return 'its data is no list'
  if (!Array.isArray(shape) || !shape.every((length) => typeof length === 'number')) return 'it has no shape'
  const flat: unknown[] = data.some(Array.isArray) ? (data.flat(SHAPE_DIMENSIONS_MAX) as unknown[]) : data
  if (flat.length !== widthOf(shape)) return `${flat.length} values are not what the shape [${shape.join(', ')}] says`
  if (shape[0] !== rows) return `the shape [${shape.join(', ')}] is not that of ${rows} rows`
  const width = flat.length / rows
  const whole = output.shape !== undefined || (output.kind === 'classification' && width > 1)
  if (!whole && width !== 1) return `it has ${width} values a row, and must have one`
  if (output.shape !== undefined && width !== widthOf(output.shape))
    return `it has ${width} values a row, and must have ${widthOf(output.shape)}`
  for (let r = 0; r < rows; r++) {
    const value = whole ? flat.slice(r * width, (r + 1) * width) : flat[r]
    const reason = column.put(from + r, value)
    if (reason !== undefined) return `row ${from + r}: ${reason}`
  }
  return undefined
}

/** Deeper than any tensor is. */
const SHAPE_DIMENSIONS_MAX = 16
