import { expect, test } from 'vitest'
import { type Column, parseModelSchema } from '../../../../watch/index.ts'
import { readAnswer } from './answer.ts'

const schema = parseModelSchema(
  `name: m
features: [{ name: a, type: number }]
outputs:
  - { name: y, kind: regression }
  - { name: k, kind: classification, classes: [no, yes] }`,
  { file: 'model.yaml' },
)
const value = (type: string, shape = '') =>
  parseModelSchema(`name: m\nfeatures: [{ name: a, type: number }]\noutputs: [{ name: v, kind: value, type: ${type}${shape} }]`, {
    file: 'model.yaml',
  })

test.for<{ why: string; answer: unknown }>([
  { why: 'columns', answer: { y: Float64Array.of(1, Number.NaN), k: ['no', 'yes'] } },
  { why: 'lists, with what is no number as undefined', answer: { y: [1, undefined], k: ['no', 'yes'] } },
  { why: 'columns of another width', answer: { y: Float32Array.of(1, Number.NaN), k: ['no', 'yes'], more: 'is passed over' } },
  {
    why: 'rows',
    answer: [
      { y: 1, k: 'no' },
      { y: null, k: 'yes', more: 1 },
    ],
  },
])('$why', ({ answer }) => expect(readAnswer(schema, answer, 2)).toEqual([Float64Array.of(1, Number.NaN), ['no', 'yes']]))

test.for<{ why: string; type: string; shape?: string; values: unknown; want: Column }>([
  { why: 'bigints', type: 'int64', values: [-(2n ** 63n), 5n], want: BigInt64Array.of(-(2n ** 63n), 5n) },
  { why: 'numbers without loss as int64', type: 'int64', values: [-7, 2 ** 53 - 1], want: BigInt64Array.of(-7n, 2n ** 53n - 1n) },
  { why: 'uint64', type: 'uint64', values: BigUint64Array.of(2n ** 64n - 1n, 0n), want: BigUint64Array.of(2n ** 64n - 1n, 0n) },
  { why: 'text', type: 'text', values: ['a', ''], want: ['a', ''] },
  { why: 'images', type: 'image', values: [Buffer.of(1), Uint8Array.of(2)], want: [Buffer.of(1), Uint8Array.of(2)] },
  { why: 'a shape, flat', type: 'number', shape: ', shape: [2]', values: [1, 2, 3, 4], want: Float64Array.of(1, 2, 3, 4) },
  {
    why: 'a shape, a list a row',
    type: 'number',
    shape: ', shape: [2]',
    values: [[1, 2], Float32Array.of(3, 4)],
    want: Float64Array.of(1, 2, 3, 4),
  },
  {
    why: 'a shape of two dimensions',
    type: 'number',
    shape: ', shape: [2, 1]',
    values: [
      [[1], [2]],
      [[3], [4]],
    ],
    want: Float64Array.of(1, 2, 3, 4),
  },
])('$why', ({ type, shape, values, want }) => expect(readAnswer(value(type, shape), { v: values }, 2)).toEqual([want]))

test.for<{ why: string; answer: unknown; want: RegExp }>([
  { why: 'nothing', answer: undefined, want: /it answered undefined/ },
  { why: 'an output is missing', answer: { y: [1, 2] }, want: /the output k is missing; predict answered y/ },
  { why: 'a row lacks an output', answer: [{ y: 1, k: 'no' }, { y: 2 }], want: /row 1: the output k is missing; the row has y/ },
  { why: 'a row too few', answer: [{ y: 1, k: 'no' }], want: /answered 1 rows where 2 were asked for/ },
  { why: 'a value too many', answer: { y: [1, 2, 3], k: ['no', 'no'] }, want: /the output y has 3 values; 2 rows need 2/ },
  { why: 'text for a number', answer: { y: [1, '2'], k: ['no', 'no'] }, want: /row 1: the output y must be a number, got the string "2"/ },
  { why: 'true for a number', answer: { y: [true, 2], k: ['no', 'no'] }, want: /row 0: the output y must be a number, got true/ },
  { why: 'a number for a class', answer: { y: [1, 2], k: ['no', 1] }, want: /row 1: the output k must be one of no, yes, got 1/ },
  { why: 'no list', answer: { y: 1, k: ['no'] }, want: /the output y must be a list, got 1/ },
  { why: 'a row that is no object', answer: [{ y: 1, k: 'no' }, 7], want: /row 1: must be an object by output, got 7/ },
])('refused: $why', ({ answer, want }) => {
  expect(() => readAnswer(schema, answer, 2)).toThrow(
    expect.objectContaining({ code: 'MW_MODEL_ANSWER', message: expect.stringMatching(want) as string }),
  )
})

test.for<{ why: string; type: string; shape?: string; values: unknown; want: RegExp }>([
  {
    why: 'more than 64 bits',
    type: 'int64',
    values: [2n ** 63n, 0n],
    want: /row 0: .* whole number of int64.* got the bigint 9223372036854775808/,
  },
  { why: 'less than none', type: 'uint64', values: [0, -1], want: /row 1: .* got -1/ },
  { why: 'a number that lost some', type: 'int64', values: [2 ** 60, 0], want: /row 0: .* got 1152921504606847000/ },
  { why: 'no bytes', type: 'image', values: ['x', Uint8Array.of(1)], want: /row 0: .* a Uint8Array, got the string "x"/ },
  {
    why: 'a row of another shape',
    type: 'number',
    shape: ', shape: [2]',
    values: [[1, 2], [3]],
    want: /row 1: the output v has 1 values where its shape has 2/,
  },
  {
    why: 'text inside a shape',
    type: 'number',
    shape: ', shape: [2]',
    values: [
      [1, 2],
      [3, 'x'],
    ],
    want: /row 1: the output v must be a number/,
  },
])('refused: $why', ({ type, shape, values, want }) => {
  expect(() => readAnswer(value(type, shape), { v: values }, 2)).toThrow(want)
})
