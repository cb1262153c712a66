import { PbfWriter } from 'pbf'

/** TensorProto.DataType, by the name that onnxruntime gives it. */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
} as const

/** An input that a model gives back as it came, under the name of the output. A word in a shape is a size that each call chooses. */
export interface Echo {
  readonly input: string
  readonly output: string
  readonly type: keyof typeof elementTypes
  readonly shape: readonly (number | string)[]
}

/**
 * A model of nothing but Identity, as an ONNX file. Field numbers are those of onnx.proto.
 * @see https://github.com/onnx/onnx/blob/v1.12.0/onnx/onnx.proto
 */
export function encodeEchoes(echoes: readonly Echo[]): Uint8Array {
  const out = new PbfWriter()
  out.writeVarintField(1, 8) // IR version
  out.writeMessage(7, writeGraph, echoes)
  out.writeMessage(8, (version: number, opset: PbfWriter) => opset.writeVarintField(2, version), 17)
  return out.finish()
}

function writeGraph(echoes: readonly Echo[], out: PbfWriter): void {
  for (const echo of echoes) out.writeMessage(1, writeNode, echo)
  out.writeStringField(2, 'echo')
  for (const echo of echoes) out.writeMessage(11, writeValue, { ...echo, name: echo.input })
  for (const echo of echoes) out.writeMessage(12, writeValue, { ...echo, name: echo.output })
}

function writeNode({ input, output }: Echo, out: PbfWriter): void {
  out.writeStringField(1, input)
  out.writeStringField(2, output)
  out.writeStringField(4, 'Identity')
}

function writeValue(value: Echo & { name: string }, out: PbfWriter): void {
  out.writeStringField(1, value.name)
  out.writeMessage(2, (echo: Echo, type: PbfWriter) => type.writeMessage(1, writeTensorType, echo), value)
}

function writeTensorType({ type, shape }: Echo, out: PbfWriter): void {
  out.writeVarintField(1, elementTypes[type])
  out.writeMessage(2, writeShape, shape)
}

function writeShape(shape: Echo['shape'], out: PbfWriter): void {
  for (const length of shape) out.writeMessage(1, writeDimension, length)
}

function writeDimension(length: number | string, out: PbfWriter): void {
  if (typeof length === 'number') out.writeVarintField(1, length)
  else out.writeStringField(2, length)
}
