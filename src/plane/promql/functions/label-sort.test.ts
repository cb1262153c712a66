import { expect, test } from 'vitest'
import { toLabels } from '../../../core/labels.ts'
import { createStepSeries } from '../evaluation/frame.ts'
import { compareNaturally, sortedByLabels } from './label-sort.ts'

test.for([
  { why: 'numbers within', values: ['a10', 'a2', 'a1'], want: ['a1', 'a2', 'a10'] },
  { why: 'several of them', values: ['a1b10', 'a1b2', 'a2b1'], want: ['a1b2', 'a1b10', 'a2b1'] },
  { why: 'a beginning', values: ['ab', 'a', 'a1'], want: ['a', 'a1', 'ab'] },
  { why: 'numbers alone', values: ['10', '9', '100'], want: ['9', '10', '100'] },
  { why: 'digits before letters', values: ['b', '1a', 'A'], want: ['1a', 'A', 'b'] },
  { why: 'numbers beyond 64 bits as text', values: ['99999999999999999999', '10', '9'], want: ['9', '10', '99999999999999999999'] },
  { why: 'what is absent last', values: ['', 'z', '1'], want: ['1', 'z', ''] },
])('$why', ({ values, want }) => expect(values.toSorted(compareNaturally)).toEqual(want))

test('falls back on all labels, and turns around', () => {
  const series = [{ a: 'x2' }, { a: 'x10', b: '2' }, { a: 'x10', b: '1' }].map((labels) => createStepSeries(toLabels(labels), 1))
  const order = (direction: 1 | -1) => sortedByLabels(series, ['a'], direction).map((one) => series.indexOf(one))
  expect(order(1)).toEqual([0, 2, 1])
  expect(order(-1)).toEqual([1, 2, 0])
})
