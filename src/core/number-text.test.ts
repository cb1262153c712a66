import { expect, test } from 'vitest'
import { formatExponent, formatFixed, formatGeneral, formatNumber, parseNumber } from './number-text.ts'

test.for([
  ['1', 1],
  ['08', 8],
  ['-.3', -0.3],
  ['1.', 1],
  ['1e+05', 1e5],
  ['+Inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['nan', Number.NaN],
  ['', undefined],
  [' 1', undefined],
  ['0x1', undefined],
  ['0b1', undefined],
  ['1_000', undefined],
  ['1e999', undefined],
  ['-NaN', undefined],
  ['.', undefined],
] as const)('%s is read as %s', ([text, want]) => expect(parseNumber(text)).toBe(want))

// The expected texts are what Go prints for the same value and verb.
test.for([
  [0, '0'],
  [-0, '-0'],
  [0.1, '0.1'],
  [1e6, '1000000'],
  [1e-7, '1e-07'],
  [1.5e-10, '1.5e-10'],
  [1e21, '1e+21'],
  [123456789.125, '123456789.125'],
  [Number.POSITIVE_INFINITY, '+Inf'],
  [Number.NaN, 'NaN'],
] as const)('the API writes %s as %s', ([value, want]) => expect(formatNumber(value)).toBe(want))

test.for([
  [1, undefined, '1'],
  [100000, undefined, '100000'],
  [1234567, undefined, '1.234567e+06'],
  [1e-4, undefined, '0.0001'],
  [1e-5, undefined, '1e-05'],
  [0.25, undefined, '0.25'],
  [1234.5, 4, '1234'], // A tie goes to the even digit.
  [1235.5, 4, '1236'],
  [12345, 4, '1.234e+04'],
  [100, 4, '100'],
  [99999, 4, '1e+05'],
  [-0.5, 4, '-0.5'],
  [0, 4, '0'],
] as const)('%%g of %s with precision %s is %s', ([value, precision, want]) => expect(formatGeneral(value, precision)).toBe(want))

test.for([
  [0.125, 2, '0.12'],
  [0.375, 2, '0.38'],
  [2.5, 0, '2'],
  [3.5, 0, '4'],
  [1.005, 2, '1.00'], // The double lies just below the tie.
  [-1.5, 3, '-1.500'],
  [1e22, 1, '10000000000000000000000.0'],
  [0, 2, '0.00'],
] as const)('%%f of %s with %s decimals is %s', ([value, decimals, want]) => expect(formatFixed(value, decimals)).toBe(want))

test('%e writes at least two digits of exponent', () => {
  expect(formatExponent(1234.5, 3)).toBe('1.234e+03')
  expect(formatExponent(0, 2)).toBe('0.00e+00')
})
