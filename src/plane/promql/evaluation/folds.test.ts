import { expect, test } from 'vitest'
import { createFold } from './folds.ts'

function fold(op: 'sum' | 'avg', values: readonly number[]): number {
  const fold = createFold(op, 1)
  for (const value of values) fold.add({ labels: [], values: Float64Array.of(value), present: Uint8Array.of(1), dropName: false })
  fold.finish()
  return fold.values[0]!
}

// As Prometheus 3.5.3 answers, to the last digit.
test.for([
  [[0.1, 0.2, 0.3], 0.2],
  [[0.1, 1000, 0.7], 333.6],
  [[1e308, 1e308, 1e308], 1e308],
  [[-0], 0],
  [[Number.POSITIVE_INFINITY, 1], Number.POSITIVE_INFINITY],
  [[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], Number.NaN],
] as const)('the mean of %j is %d', ([values, expected]) => expect(fold('avg', values)).toBe(expected))

test('a sum keeps what large terms that cancel would take along', () => {
  expect(fold('sum', [1, 1e100, 1, -1e100])).toBe(2)
})
