import { expect, test } from 'vitest'
import { formatFloat, parseNumber, unquote } from './literals.ts'

test.for([
  ['42', 42],
  ['.5', 0.5],
  ['2.', 2],
  ['1e3', 1000],
  ['1_000', 1000],
  ['0x1F', 31],
  ['010', 8],
  ['09', 9],
  ['0', 0],
  ['inF', Number.POSITIVE_INFINITY],
  ['NaN', Number.NaN],
  ['1h30m', 5400],
  ['5ms', 0.005],
  ['0xffffffffffffffff', undefined],
  ['5m30', undefined],
  ['x', undefined],
] as const)('the number %s', ([text, want]) => expect(parseNumber(text)).toEqual(want))

test.for([
  ['"a\\n\\t\\"b"', 'a\n\t"b'],
  ["'it\\'s'", "it's"],
  ['`a\\n`', 'a\\n'],
  ['"\\xe2\\x82\\xac"', '€'],
  ['"\\u20ac\\U0001F600\\101"', '€😀A'],
  ['"😀"', '😀'],
  ['"abc', undefined],
  ['"\\q"', undefined],
  ['"\\\'"', undefined],
  ['"a\nb"', undefined],
  ['"\\400"', undefined],
  ['"', undefined],
] as const)('the string %s', ([text, want]) => expect(unquote(text)).toBe(want))

test('bytes that are no UTF-8 stay recognisable', () => expect(unquote('"\\xff"')!.isWellFormed()).toBe(false))

test.for([
  [1, '1'],
  [0.1, '0.1'],
  [1e21, '1000000000000000000000'],
  [1.5e-7, '0.00000015'],
  [-2.5e22, '-25000000000000000000000'],
  [-0, '-0'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf'],
] as const)('%s in plain decimals', ([value, want]) => expect(formatFloat(value)).toBe(want))
