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
  { why: 'letters by their bytes', values: ['\u{1f600}', '\uff5e', 'a'], want: ['a', '\uff5e', '\u{1f600}'] },
  { why: 'what is absent last', values: ['', 'z', '1'], want: ['1', 'z', ''] },
])('$why', ({ values, want }) => expect(values.toSorted(compareNaturally)).toEqual(want))

test('falls back on all labels, and turns around', () => {
  const series = [{ a: 'x2' }, { a: 'x10', b: '2' }, { a: 'x10', b: '1' }].map((labels) => createStepSeries(toLabels(labels), 1))
  const order = (direction: 1 | -1) => sortedByLabels(series, ['a'], direction).map((one) => series.indexOf(one))
  expect(order(1)).toEqual([0, 2, 1])
  expect(order(-1)).toEqual([1, 2, 0])
})

// What Prometheus 3.5.3 answers, where its order contradicts itself.
test.for([
  { values: ['10', '', '9'], rising: ['10', '', '9'], falling: ['', '10', '9'] },
  { values: ['a1', 'a01', 'a001'], rising: ['a001', 'a01', 'a1'], falling: ['a1', 'a01', 'a001'] },
])('$values', ({ values, rising, falling }) => {
  const series = values.map((value) => createStepSeries(toLabels({ a: value }), 1))
  const order = (direction: 1 | -1) => sortedByLabels(series, ['a'], direction).map((one) => values[series.indexOf(one)])
  expect([order(1), order(-1)]).toEqual([rising, falling])
})
