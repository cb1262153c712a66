import { expect, test } from 'vitest'
import { parseBucketBound } from './bucket-bound.ts'

test.for<[text: string, bound: number | undefined]>([
  ['1', 1],
  ['1e0', 1],
  ['+Inf', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
  ['NaN', Number.NaN],
  ['0x1p-2', 0.25],
  ['-0X1.8P1', -3],
  ['0x.8p0', 0.5],
  ['0x1p-1074', 5e-324],
  ['0x1p1023', 2 ** 1023],
  ['0x1p1024', undefined],
  ['0x1p-99999', 0],
  ['0x10', undefined], // A hexadecimal float needs its exponent.
  ['0xp1', undefined],
  ['0b11', undefined],
  ['1_0', 10],
  ['1_000.5_5', 1000.55],
  ['1e1_0', 1e10],
  ['0x_1p0', 1],
  ['_1', undefined],
  ['1_', undefined],
  ['1__0', undefined],
  ['1_.5', undefined],
  ['1e400', undefined],
  ['1 ', undefined],
  ['', undefined],
])('the bound "%s" is %s', ([text, bound]) => {
  expect(parseBucketBound(text)).toBe(bound)
})
