import { expect, test } from 'vitest'
import { normalDeviate } from './normal.ts'

// Upper quantiles as printed in tables of the normal law.
test.for([
  [0.5, 0],
  [0.05, 1.644853627],
  [0.025, 1.959963985],
  [0.01, 2.326347874],
  [0.001, 3.090232306],
  [0.001 / 7, 3.627919521], // seven values, Bonferroni
  [1e-9, 5.997807015],
  [0.95, -1.644853627],
] as const)('probability %d is exceeded at %d', ([tail, z]) => expect(normalDeviate(tail)).toBeCloseTo(z, 5))

test('nothing outside (0, 1)', () => {
  for (const tail of [0, 1, -1, Number.NaN]) expect(() => normalDeviate(tail)).toThrow(RangeError)
})
