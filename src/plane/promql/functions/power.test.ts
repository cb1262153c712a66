import { expect, test } from 'vitest'
import { power } from './power.ts'

// As Prometheus 3.5.3 answers.
test.for([
  [1.0000000000000002, 9007199254740992, 7.389055988695776],
  [1.0000000000000002, 1e16, 9.211438552424022],
  [1.0000000000000002, 4503599627370498, 2.7182818081824744],
  [0.1, -3, 999.9999999999998],
  [2, -1074, 5e-324],
  [2, -1075, 0],
  [-2, 1023, -8.98846567431158e307],
  [-2, 1025, Number.NEGATIVE_INFINITY],
  [-0.5, 1075, -0],
  [9, 0.5, 3],
  [4, -0.5, 0.5],
  [-8, 1 / 3, Number.NaN],
  [1, Number.NaN, 1],
  [-1, Number.NEGATIVE_INFINITY, 1],
  [Number.NaN, 0, 1],
  [-0, -3, Number.NEGATIVE_INFINITY],
  [-1, 1e300, 1],
  [0.5, 1e300, 0],
  [5e-324, -1, Number.POSITIVE_INFINITY],
  [5e-324, 1, 5e-324],
] as const)('%d ^ %d is %d', ([x, y, expected]) => expect(power(x, y)).toBe(expected))

test('small whole powers are products', () => {
  for (const x of [3, -7, 1.5, 1e-3, 123456.789]) {
    expect(power(x, 2)).toBe(x * x)
    expect(power(x, 3)).toBeCloseTo(x * x * x, 5)
  }
})
