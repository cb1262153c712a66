import fc from 'fast-check'
import { expect, test } from 'vitest'
import { choosePenalty, fitRidge, predictLinear } from './ridge.ts'

test('a hardly penalised fit finds the line behind exact data', () => {
  const x = [
    [1, 5],
    [2, 3],
    [3, 8],
    [4, 1],
  ]
  const model = fitRidge(
    x,
    x.map(([a, b]) => 7 + 2 * a! - 3 * b!),
    1e-9,
  )
  expect(model.intercept).toBeCloseTo(7, 6)
  expect(model.weights[0]).toBeCloseTo(2, 6)
  expect(model.weights[1]).toBeCloseTo(-3, 6)
})

test('one column, by hand', () => {
  // z = (−1, 1), so ZᵀZ = 2 and Zᵀ(y − ȳ) = 2·4 = 8: w = 8 / (2 + 2) = 2 per deviation, and a deviation is 3 units.
  const model = fitRidge([[1], [7]], [10, 18], 2)
  expect(model.weights[0]).toBeCloseTo(2 / 3, 12)
  expect(predictLinear(model, [4])).toBeCloseTo(14, 12) // At the mean of x the mean of y, whatever the penalty.
})

test('a column that never changes gets no weight, and columns that add up to one are no trouble', () => {
  const x = [
    [5, 1, 0],
    [5, 0, 1],
    [5, 1, 0],
    [5, 0, 1],
  ]
  const model = fitRidge(x, [1, 3, 1, 3], 1e-6)
  expect(model.weights[0]).toBe(0)
  expect(predictLinear(model, [5, 1, 0])).toBeCloseTo(1, 4)
  expect(predictLinear(model, [5, 0, 1])).toBeCloseTo(3, 4)
})

test('the fit does not depend on the units of a column', () => {
  const value = fc.double({ min: -50, max: 50, noNaN: true })
  const rows = fc.array(fc.tuple(value, value, value), { minLength: 3, maxLength: 30 })
  fc.assert(
    fc.property(rows, fc.double({ min: 0.5, max: 100, noNaN: true }), (data, penalty) => {
      fc.pre([0, 1].every((j) => Math.max(...data.map((row) => row[j]!)) - Math.min(...data.map((row) => row[j]!)) > 1))
      const y = data.map((row) => row[2])
      const celsius = fitRidge(
        data.map(([a, b]) => [a, b]),
        y,
        penalty,
      )
      const fahrenheit = fitRidge(
        data.map(([a, b]) => [a * 1.8 + 32, b]),
        y,
        penalty,
      )
      const [a, b] = data[0]!
      expect(predictLinear(fahrenheit, [a * 1.8 + 32, b])).toBeCloseTo(predictLinear(celsius, [a, b]), 6)
    }),
  )
})

test.for([
  { why: 'a true relation wants the small penalty', y: (i: number) => i, want: 0.01 },
  { why: 'no relation wants the large one', y: (i: number) => [5, -3, 1, 4, -6, 2, -1, 3, -5, 0][i % 10]!, want: 1e6 },
])('$why', ({ y, want }) => {
  const rows = Array.from({ length: 30 }, (_, i) => i)
  const x = rows.map((i) => [i])
  expect(choosePenalty(x, rows.map(y), { penalties: [0.01, 1e6], folds: 5 })).toBe(want)
})
