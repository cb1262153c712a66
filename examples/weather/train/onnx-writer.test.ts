import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { encodeOnnx, type OnnxModel } from './onnx-writer.ts'

// y = x · [2, 3]ᵀ + 1 and the one-hot of a word: each kind of field that the writer knows is used, and read by the real runtime.
const model: OnnxModel = {
  irVersion: 8,
  opsets: { '': 17, 'ai.onnx.ml': 3 },
  producer: 'test',
  description: 'two outputs',
  graph: {
    name: 'small',
    inputs: [
      { name: 'x', type: 'float', shape: ['rows', 2] },
      { name: 'word', type: 'string', shape: ['rows', 1] },
    ],
    outputs: [
      { name: 'y', type: 'float', shape: ['rows', 1] },
      { name: 'hot', type: 'float', shape: ['rows', 2] },
    ],
    nodes: [
      { op: 'MatMul', inputs: ['x', 'w'], outputs: ['xw'] },
      { op: 'Add', inputs: ['xw', 'one'], outputs: ['y'] },
      {
        op: 'OneHotEncoder',
        domain: 'ai.onnx.ml',
        inputs: ['word'],
        outputs: ['nested'],
        attributes: { cats_strings: ['no', 'ja ✓'], zeros: 1 },
      },
      { op: 'Squeeze', inputs: ['nested', 'axes'], outputs: ['hot'] },
    ],
    constants: [
      { name: 'w', type: 'float', shape: [2, 1], values: [2, 3] },
      { name: 'one', type: 'float', shape: [1], values: [1] },
      { name: 'axes', type: 'int64', shape: [1], values: [1] },
    ],
  },
}

test('the runtime reads what the writer wrote', async () => {
  const session = await InferenceSession.create(encodeOnnx(model))
  expect(session.inputNames).toEqual(['x', 'word'])
  const { y, hot } = await session.run({
    x: new Tensor('float32', [1, 1, 10, 100], [2, 2]),
    word: new Tensor('string', ['ja ✓', 'other'], [2, 1]),
  })
  expect(y!.dims).toEqual([2, 1])
  expect([...(y!.data as Float32Array)]).toEqual([6, 321])
  expect([...(hot!.data as Float32Array)]).toEqual([0, 1, 0, 0])
  await session.release()
})

test('the same model gives the same bytes', () => {
  expect(encodeOnnx(structuredClone(model))).toEqual(encodeOnnx(model))
})

test.for([
  { why: 'values that do not fill the shape', values: [1, 2, 3], type: 'float', error: /do not fill/ },
  { why: 'a negative int64', values: [-1, 2], type: 'int64', error: /not a safe int64/ },
  { why: 'half an int64', values: [0.5, 2], type: 'int64', error: /not a safe int64/ },
] as const)('$why: refused', ({ values, type, error }) => {
  const constants = [{ name: 'w', type, shape: [2, 1], values }]
  expect(() => encodeOnnx({ ...model, graph: { ...model.graph, constants } })).toThrow(error)
})
