import assert from 'node:assert/strict'
import { PbfWriter } from 'pbf'

/** An ONNX model as plain data: the part of the format that this example needs. */
export interface OnnxModel {
  readonly irVersion: number
  /** Operator sets by domain; `''` is ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>
  readonly producer: string
  readonly description: string
  readonly graph: OnnxGraph
}

export interface OnnxGraph {
  readonly name: string
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  /** In an order in which every input exists before it is used. */
  readonly nodes: readonly OnnxNode[]
  readonly constants: readonly OnnxConstant[]
}

export interface OnnxValue {
  readonly name: string
  readonly type: keyof typeof elementTypes
  /** A number is a fixed size, a word names a size that each call chooses. */
  readonly shape: readonly (number | string)[]
}

export interface OnnxNode {
  readonly op: string
  /** `''`, or left out, is ai.onnx. */
  readonly domain?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>
}

/** A bare number is an integer, a bare list is of strings. */
export type OnnxAttribute =
  | number
  | readonly string[]
  | { readonly text: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }

export interface OnnxConstant {
  readonly name: string
  readonly type: 'float' | 'int64'
  readonly shape: readonly number[]
  /** Row by row. Floats are rounded to 32 bits; an int64 must be a non-negative safe integer. */
  readonly values: readonly number[]
}

/** TensorProto.DataType. */
const elementTypes = { float: 1, int64: 7, string: 8 } as const
/** AttributeProto.AttributeType. */
const attributeTypes = { int: 2, string: 3, floats: 6, ints: 7, strings: 8 } as const

/**
 * The model in the ONNX file format, a protocol buffer. The same model gives the same bytes.
 * Field numbers are those of onnx.proto.
 *
 * @throws {AssertionError} if a constant's values do not fill its shape, or an integer is none.
 * @see https://github.com/onnx/onnx/blob/v1.12.0/onnx/onnx.proto
 */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  const out = new PbfWriter()
  out.writeVarintField(1, model.irVersion)
  out.writeStringField(2, model.producer)
  out.writeStringField(6, model.description)
  out.writeMessage(7, writeGraph, model.graph)
  for (const opset of Object.entries(model.opsets)) out.writeMessage(8, writeOpset, opset)
  return out.finish()
}

function writeOpset([domain, version]: [string, number], out: PbfWriter): void {
  out.writeStringField(1, domain)
  out.writeVarintField(2, version)
}

function writeGraph(graph: OnnxGraph, out: PbfWriter): void {
  for (const node of graph.nodes) out.writeMessage(1, writeNode, node)
  out.writeStringField(2, graph.name)
  for (const constant of graph.constants) out.writeMessage(5, writeTensor, constant)
  for (const input of graph.inputs) out.writeMessage(11, writeValue, input)
  for (const output of graph.outputs) out.writeMessage(12, writeValue, output)
}

function writeNode(node: OnnxNode, out: PbfWriter): void {
  for (const input of node.inputs) out.writeStringField(1, input)
  for (const output of node.outputs) out.writeStringField(2, output)
  out.writeStringField(4, node.op)
  for (const attribute of Object.entries(node.attributes ?? {})) out.writeMessage(5, writeAttribute, attribute)
  if (node.domain) out.writeStringField(7, node.domain)
}

function writeAttribute([name, value]: [string, OnnxAttribute], out: PbfWriter): void {
  const writeType = (type: keyof typeof attributeTypes) => out.writeVarintField(20, attributeTypes[type])
  out.writeStringField(1, name)
  if (typeof value === 'number') {
    assert.ok(Number.isSafeInteger(value), `attribute ${name}: ${value} is not an integer`)
    out.writeVarintField(3, value)
    writeType('int')
  } else if ('text' in value) {
    out.writeStringField(4, value.text)
    writeType('string')
  } else if ('floats' in value) {
    out.writePackedFloat(7, [...value.floats])
    writeType('floats')
  } else if ('ints' in value) {
    assert.ok(value.ints.every(Number.isSafeInteger), `attribute ${name}: not all are integers`)
    out.writePackedVarint(8, [...value.ints])
    writeType('ints')
  } else {
    for (const text of value) out.writeStringField(9, text)
    writeType('strings')
  }
}

function writeTensor(constant: OnnxConstant, out: PbfWriter): void {
  const size = constant.shape.reduce((product, length) => product * length, 1)
  assert.equal(constant.values.length, size, `constant ${constant.name}: values do not fill its shape`)
  for (const length of constant.shape) out.writeVarintField(1, length)
  out.writeVarintField(2, elementTypes[constant.type])
  if (constant.type === 'float') {
    out.writePackedFloat(4, [...constant.values])
  } else {
    assert.ok(
      constant.values.every((value) => Number.isSafeInteger(value) && value >= 0),
      `constant ${constant.name}: not a safe int64`,
    )
    out.writePackedVarint(7, [...constant.values])
  }
  out.writeStringField(8, constant.name)
}

function writeValue(value: OnnxValue, out: PbfWriter): void {
  out.writeStringField(1, value.name)
  out.writeMessage(2, writeType, value) // TypeProto, a union: a tensor is its member 1.
}

function writeType(value: OnnxValue, out: PbfWriter): void {
  out.writeMessage(1, writeTensorType, value)
}

function writeTensorType(value: OnnxValue, out: PbfWriter): void {
  out.writeVarintField(1, elementTypes[value.type])
  out.writeMessage(2, writeShape, value.shape)
}

function writeShape(shape: OnnxValue['shape'], out: PbfWriter): void {
  for (const length of shape) out.writeMessage(1, writeDimension, length)
}

function writeDimension(length: number | string, out: PbfWriter): void {
  if (typeof length === 'number') out.writeVarintField(1, length)
  else out.writeStringField(2, length)
}
