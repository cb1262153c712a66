import { expect, test } from 'vitest'
import { type Column, parseModelSchema } from '../../../../watch/index.ts'
import { createOutputColumn } from './output-columns.ts'

const fill = (output: string, values: readonly unknown[], numbersAsText = false): Column | string => {
  const { outputs } = parseModelSchema(`name: m\nfeatures: [{ name: a, type: number }]\noutputs: [{ name: y, ${output} }]`, {
    file: 'model.yaml',
  })
  const column = createOutputColumn(outputs[0]!, values.length, { numbersAsText })
  for (const [r, value] of values.entries()) {
    const reason = column.put(r, value)
    if (reason !== undefined) return reason
  }
  return column.column
}
const classes = 'kind: classification, classes: [no, yes]'

test.for<{ why: string; output: string; values: unknown[]; text?: boolean; want: Column | string }>([
  { why: 'numbers; null is none', output: 'kind: regression', values: [1.5, null], want: Float64Array.of(1.5, Number.NaN) },
  { why: 'a number beyond 2^53 that was read whole', output: 'kind: regression', values: [2n ** 60n], want: Float64Array.of(2 ** 60) },
  { why: 'text is no number', output: 'kind: regression', values: ['1.5'], want: '"1.5" is no number' },
  { why: 'true is no number', output: 'kind: regression', values: [true], want: 'true is no number' },
  { why: 'a list is no number', output: 'kind: regression', values: [[1]], want: 'a list of 1 is no number' },
  {
    why: 'text may be a number where that is said',
    output: 'kind: regression',
    values: ['1.5', ' -2e-3 ', 'nan', '-inf', 7],
    text: true,
    want: Float64Array.of(1.5, -0.002, Number.NaN, Number.NEGATIVE_INFINITY, 7),
  },
  { why: 'not any text, though', output: 'kind: regression', values: ['0x10'], text: true, want: '"0x10" is no number' },
  { why: 'nothing is not 0', output: 'kind: regression', values: [''], text: true, want: '"" is no number' },
  { why: 'labels', output: classes, values: ['yes', 'no'], want: ['yes', 'no'] },
  { why: 'positions', output: classes, values: [1, 0, true], want: ['yes', 'no', 'yes'] },
  { why: 'a number that is itself a class', output: 'kind: classification, classes: ["1", "2"]', values: [1], want: ['1'] },
  { why: 'no such position', output: classes, values: [2], want: '2 is neither one of its classes nor a score for each of the 2' },
  { why: 'scores', output: classes, values: [[0.2, 0.8]], want: ['yes'] },
  {
    why: 'scores of others',
    output: classes,
    values: [[0.2, 0.8, 0]],
    want: 'a list of 3 is neither one of its classes nor a score for each of the 2',
  },
  {
    why: '64 bits',
    output: 'kind: value, type: int64',
    values: [1, 2n ** 63n - 1n, '-5'],
    want: BigInt64Array.of(1n, 2n ** 63n - 1n, -5n),
  },
  { why: 'more than 64 bits', output: 'kind: value, type: int64', values: [2n ** 63n], want: '9223372036854775808 is no int64' },
  { why: 'what a double has rounded', output: 'kind: value, type: uint64', values: [2 ** 60], want: `${2 ** 60} is no uint64` },
  { why: 'less than nothing', output: 'kind: value, type: uint64', values: [-1], want: '-1 is no uint64' },
  { why: 'text', output: 'kind: value, type: text', values: ['a', ''], want: ['a', ''] },
  { why: 'a number is no text', output: 'kind: value, type: text', values: [1], want: '1 is no text' },
  {
    why: 'pictures, as they are or as an address',
    output: 'kind: value, type: image',
    values: ['AQID', 'data:image/png;base64,AQ==', null],
    want: [Uint8Array.of(1, 2, 3), Uint8Array.of(1), new Uint8Array(0)],
  },
  { why: 'no picture', output: 'kind: value, type: image', values: ['a picture'], want: '"a picture" is no picture in base64' },
  {
    why: 'a shape, nested or flat',
    output: 'kind: value, shape: [2, 2]',
    values: [
      [
        [1, 2],
        [3, null],
      ],
      [5, 6, 7, 8],
    ],
    want: Float64Array.of(1, 2, 3, Number.NaN, 5, 6, 7, 8),
  },
  { why: 'another shape', output: 'kind: value, shape: [2, 2]', values: [[[1, 2, 3, 4]]], want: 'a list of 1 is none of 2' },
  { why: 'a hole in a shape', output: 'kind: value, shape: [2]', values: [[1, 'x']], want: '"x" is no number' },
])('$why', ({ output, values, text = false, want }) => expect(fill(output, values, text)).toEqual(want))
