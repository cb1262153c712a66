import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeOnnx, type OnnxGraph } from '../../../../../examples/weather/train/onnx-writer.ts'
import { type DefinitionName, runtimeConformance } from '../testing.ts'
import { onnxRuntime } from './index.ts'
import { encodeEchoes } from './testing.ts'

const value = (name: string, type: 'float' | 'int64' | 'string') => ({ name, type, shape: ['rows', 1] })
const FLOAT = 1 // TensorProto.DataType

const sum: OnnxGraph = {
  name: 'sum',
  inputs: [value('a', 'float'), value('b', 'float')],
  outputs: [value('total', 'float')],
  nodes: [{ op: 'Add', inputs: ['a', 'b'], outputs: ['total'] }],
  constants: [],
}
const mixed: OnnxGraph = {
  name: 'mixed',
  inputs: [value('x', 'float'), value('n', 'int64'), value('flag', 'float'), value('c', 'string')],
  outputs: [value('score', 'float'), value('label', 'string')],
  nodes: [
    { op: 'Cast', inputs: ['n'], outputs: ['n32'], attributes: { to: FLOAT } },
    { op: 'Add', inputs: ['x', 'n32'], outputs: ['xn'] },
    { op: 'Add', inputs: ['xn', 'flag'], outputs: ['score'] },
    { op: 'Identity', inputs: ['c'], outputs: ['label'] },
  ],
  constants: [],
}

const encode = (graph: OnnxGraph) => encodeOnnx({ irVersion: 8, opsets: { '': 17 }, producer: 'test', description: '', graph })
const models: Readonly<Partial<Record<DefinitionName, () => Uint8Array>>> = {
  sum: () => encode(sum),
  mixed: () => encode(mixed),
  int64: () => encodeEchoes([{ input: 'w', output: 'same', type: 'int64', shape: ['rows'] }]),
  shape: () => encodeEchoes([{ input: 's', output: 'same', type: 'float32', shape: ['rows', 3] }]),
}

/** Once with calls on the event loop where they are short, and once with every call of the placement `inline` sent to a thread too. */
for (const { name, settings } of [
  { name: 'onnx', settings: {} },
  { name: 'onnx, every call a long one', settings: { inline_ms_max: 0 } },
]) {
  runtimeConformance(name, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'onnx-'))
    const write = async (file: string, bytes: Uint8Array | string) => {
      await writeFile(join(dir, file), bytes)
      return join(dir, file)
    }
    return {
      runtime: onnxRuntime,
      placements: ['inline', 'threads'],
      takes: ['int64', 'shape'],
      make: (definition) => write(`${definition}.onnx`, models[definition]!()),
      broken: [
        { why: 'no ONNX', code: 'MW_MODEL_UNREADABLE', make: () => write('text.onnx', 'a,b\n1,2\n') },
        { why: 'not there', code: 'MW_MODEL_UNREADABLE', make: async () => join(dir, 'none.onnx') },
      ],
      failing: { a: 1, b: 1e300, message: /1e\+300/, code: 'MW_INPUT_UNFIT' }, // float32 cannot hold it.
      knowsMismatch: true,
      settings,
      close: () => rm(dir, { recursive: true }),
    }
  })
}
