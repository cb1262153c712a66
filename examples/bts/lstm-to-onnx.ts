import type { OnnxConstant, OnnxModel, OnnxNode } from '../weather/train/onnx-writer.ts'

/** Weights of two LSTM layers and a dense one, as Keras keeps them: row by row, gates in the order input, forget, cell, output. */
export interface LstmWeights {
  readonly weights: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>
}

/** Gates in the order of the ONNX operator (input, output, forget, cell), by their place in Keras's. */
const gates = [0, 3, 1, 2]

/**
 * The model in the ONNX format. One input `readings`, shape [rows, 6, 1], the newest reading first. Two outputs: `sequence`, shape [rows, 6, 1], what
 * the model says after each reading, and `next_reading`, shape [rows, 1], the first of them, which is what the service answers.
 */
export function toOnnx({ weights }: LstmWeights): OnnxModel {
  const of = (name: string) => {
    const found = weights[name]
    if (found === undefined) throw new Error(`the weights hold no ${name}; they hold ${Object.keys(weights).join(', ')}`)
    return found
  }
  const layers = ['lstm1', 'lstm2'].map((layer, i) => toLayer(layer, i === 0 ? 'steps' : 'lstm1_squeezed', of))
  return {
    irVersion: 8,
    opsets: { '': 17 },
    producer: 'examples/bts',
    description: 'Two LSTM layers and a dense one, per reading',
    graph: {
      name: 'bts',
      inputs: [{ name: 'readings', type: 'float', shape: ['rows', 6, 1] }],
      outputs: [
        { name: 'next_reading', type: 'float', shape: ['rows', 1] },
        { name: 'sequence', type: 'float', shape: ['rows', 6, 1] },
      ],
      constants: [
        ...layers.flatMap(({ constants }) => constants),
        float('dense_kernel', of('dense.kernel').shape, of('dense.kernel').values),
        float('dense_bias', [1], of('dense.bias').values),
        int64('directions', [1]),
        int64('start', [0]),
        int64('end', [1]),
        int64('time', [1]),
      ],
      nodes: [
        { op: 'Transpose', inputs: ['readings'], outputs: ['steps'], attributes: { perm: { ints: [1, 0, 2] } } }, // Time before rows, as the operator has it.
        ...layers.flatMap(({ nodes }) => nodes),
        { op: 'MatMul', inputs: ['lstm2_squeezed', 'dense_kernel'], outputs: ['dense'] },
        { op: 'Add', inputs: ['dense', 'dense_bias'], outputs: ['answers'] },
        { op: 'Transpose', inputs: ['answers'], outputs: ['sequence'], attributes: { perm: { ints: [1, 0, 2] } } },
        { op: 'Slice', inputs: ['sequence', 'start', 'end', 'time'], outputs: ['first'] },
        { op: 'Squeeze', inputs: ['first', 'time'], outputs: ['next_reading'] },
      ],
    },
  }
}

type Lookup = (name: string) => LstmWeights['weights'][string]

function toLayer(layer: string, input: string, of: Lookup): { constants: OnnxConstant[]; nodes: OnnxNode[] } {
  const kernel = of(`${layer}.kernel`)
  const recurrent = of(`${layer}.recurrent_kernel`)
  const units = recurrent.shape[0]!
  const bias = reorder([of(`${layer}.bias`).values], units).flat()
  return {
    constants: [
      float(`${layer}_w`, [1, 4 * units, kernel.shape[0]!], transpose(reorder(toRows(kernel), units))),
      float(`${layer}_r`, [1, 4 * units, units], transpose(reorder(toRows(recurrent), units))),
      float(`${layer}_b`, [1, 8 * units], [...bias, ...bias.map(() => 0)]), // Keras has one bias where the operator has two.
    ],
    nodes: [
      {
        op: 'LSTM',
        inputs: [input, `${layer}_w`, `${layer}_r`, `${layer}_b`],
        outputs: [`${layer}_out`],
        attributes: { hidden_size: units },
      },
      { op: 'Squeeze', inputs: [`${layer}_out`, 'directions'], outputs: [`${layer}_squeezed`] },
    ],
  }
}

function toRows({ shape, values }: ReturnType<Lookup>): number[][] {
  const [rows, columns] = shape as [number, number]
  return Array.from({ length: rows }, (_, r) => values.slice(r * columns, (r + 1) * columns))
}

/** Columns of each row, gate by gate in the operator's order. */
function reorder(rows: readonly (readonly number[])[], units: number): number[][] {
  return rows.map((row) => gates.flatMap((gate) => row.slice(gate * units, (gate + 1) * units)))
}

function transpose(rows: readonly (readonly number[])[]): number[] {
  return rows[0]!.flatMap((_, c) => rows.map((row) => row[c]!))
}

function float(name: string, shape: readonly number[], values: readonly number[]): OnnxConstant {
  return { name, type: 'float', shape, values }
}

function int64(name: string, values: readonly number[]): OnnxConstant {
  return { name, type: 'int64', shape: [values.length], values }
}
