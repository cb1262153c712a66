import { expect, test } from 'vitest'
import { formatFloat, parseDurationSeconds, parseNumber, quote, unquote } from './literals.ts'

test.for([
  ['42', 42],
  ['.5', 0.5],
  ['2.', 2],
  ['1e3', 1000],
  ['1_000', 1000],
  ['1_0.2_5', 10.25],
  ['0x1F', 31],
  ['0x_1_F', 31],
  ['010', 8],
  ['09', 9],
  ['0', 0],
  ['inF', Number.POSITIVE_INFINITY],
  ['NaN', Number.NaN],
] as const)('the number %s', ([text, want]) => expect(parseNumber(text)).toEqual(want))

test.for([
  ['0xffffffffffffffff', 'invalid syntax'],
  ['0x', 'invalid syntax'],
  ['1_', 'invalid syntax'],
  ['1_e5', 'invalid syntax'],
  ['0x1_', 'invalid syntax'],
  ['1e400', 'value out of range'],
] as const)('no number: %s', ([text, reason]) => {
  expect(() => parseNumber(text)).toThrow(`error parsing number: strconv.ParseFloat: parsing "${text}": ${reason}`)
})

test.for([
  ['1h30m', 5400],
  ['5ms', 0.005],
  ['1y2w3d4h5m6s7ms', 31_536_000 + 2 * 604_800 + 3 * 86_400 + 4 * 3600 + 5 * 60 + 6.007],
  ['292y', 292 * 31_536_000],
] as const)('the duration %s', ([text, want]) => expect(parseDurationSeconds(text)).toBeCloseTo(want, 9))

test.for([
  ['5m3h', 'not a valid duration string: "5m3h"'],
  ['5m5m', 'not a valid duration string: "5m5m"'],
  ['.5m', 'not a valid duration string: ".5m"'],
  ['5m30', 'not a valid duration string: "5m30"'],
  ['1.5m', 'unknown unit "." in duration "1.5m"'],
  ['1hs', 'unknown unit "hs" in duration "1hs"'],
  ['293y', 'duration out of range'],
  ['18446744073709551615ms', 'duration out of range'],
  ['18446744073709551616ms', 'not a valid duration string: "18446744073709551616ms"'],
] as const)('no duration: %s', ([text, message]) => expect(() => parseDurationSeconds(text)).toThrow(message))

test.for([
  ['plain', '"plain"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ["it's", '"it\'s"'],
  ['\n\t\u0000\u007f', '"\\n\\t\\x00\\x7f"'],
  ['é😀', '"é😀"'],
  ['\u200b\u00a0\u{e0001}', '"\\u200b\\u00a0\\U000e0001"'],
] as const)('quotes %j as Go does', ([text, want]) => expect(quote(text)).toBe(want))

test('a byte that is no UTF-8 is quoted as such', () => expect(quote(unquote('"a\\xff"')!)).toBe('"a\\xff"'))

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
