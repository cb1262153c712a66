import fc from 'fast-check'
import { expect, test } from 'vitest'
import { arcTangent, arcTangentOf } from './arc-tangent.ts'

// As Prometheus 3.5.3 answers.
test.for([
  [3, -2, 2.158798930342464],
  [-3, -2, -2.158798930342464],
  [9007199254740992, -2, 1.5707963267948968],
  [0.1, -2, 3.09163425786785],
  [1023, -3, 1.5737288697080805],
  [-1074, -2, -1.5726585220352616],
  [5, 1, 1.3734007669450157],
  [-5e-324, -2, Math.PI],
  [5e-324, 2, 0],
  [0, -0, Math.PI],
  [-0, -0, -Math.PI],
  [-0, 1, -0],
  [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, (3 * Math.PI) / 4],
  [Number.NaN, 1, Number.NaN],
] as const)('%d atan2 %d is %d', ([y, x, expected]) => expect(arcTangentOf(y, x)).toBe(expected))

test('is the arc tangent', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (x) => {
      expect(Math.abs(arcTangent(x) - Math.atan(x))).toBeLessThanOrEqual(3e-16 * Math.abs(Math.atan(x)))
    }),
  )
})
