import fc from 'fast-check'
import { expect, test } from 'vitest'
import { datatypes } from './datatypes.ts'
import { parseWideBody, toWholeInteger } from './json-text.ts'

const read = (datatype: string, value: unknown) => datatypes.get(datatype)!.read(value)

test.for([
  { datatype: 'BOOL', holds: [true, false], not: [0, 1, 'true', 1n] },
  { datatype: 'UINT8', holds: [0, 255], not: [-1, 256, 1.5, '1', true, Number.NaN] },
  { datatype: 'UINT16', holds: [0, 65535], not: [-1, 65536] },
  { datatype: 'UINT32', holds: [0, 4294967295], not: [-1, 4294967296] },
  { datatype: 'INT8', holds: [-128, 127], not: [-129, 128, 300] },
  { datatype: 'INT16', holds: [-32768, 32767], not: [-32769, 32768] },
  { datatype: 'INT32', holds: [-2147483648, 2147483647], not: [-2147483649, 2147483648] },
  {
    datatype: 'INT64',
    holds: [0, -(2 ** 53) + 1, 2n ** 63n - 1n, -(2n ** 63n)],
    not: [2 ** 53, 2n ** 63n, 1.5, 'x', '', '9223372036854775808', null],
  },
  { datatype: 'UINT64', holds: [0, 2n ** 64n - 1n], not: [-1, -1n, 2n ** 64n, '-1', 1e20] },
  { datatype: 'FP16', holds: [0, 65504, -65519.9, 0.1, Number.NaN, Number.POSITIVE_INFINITY], not: [65520, -1e5, '1', true] },
  { datatype: 'FP32', holds: [0.1, 3.4028234663852886e38, -3.4028235e38], not: [3.5e38, -1e300] },
  { datatype: 'FP64', holds: [1e308, 5e-324, -0], not: ['1', null, [1]] },
  { datatype: 'BYTES', holds: ['', 'ü'], not: [1, true, null] },
])('$datatype holds what it can, and keeps it as it is', ({ datatype, holds, not }) => {
  for (const value of holds) expect(read(datatype, value), String(value)).toBe(value)
  for (const value of not) expect(read(datatype, value), String(value)).toBeUndefined()
})

test('64 bits may be sent as a string of digits, and a float with many', () => {
  expect(read('INT64', '-9223372036854775808')).toBe(-(2n ** 63n))
  expect(read('UINT64', '18446744073709551615')).toBe(2n ** 64n - 1n)
  expect(read('FP64', 12345678901234567890n)).toBe(Number('12345678901234567890'))
})

test('FP32 holds what rounds to a 32-bit float, and nothing that rounds to infinity', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ min: 3.402e38, max: 3.404e38, noNaN: true })),
      (value) => {
        expect(read('FP32', value) !== undefined).toBe(Number.isFinite(Math.fround(value)))
      },
    ),
  )
})

test('integers of any size are read and written with all their digits', () => {
  const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n })
  fc.assert(
    fc.property(fc.array(integer), (integers) => {
      const text = `{"id":"12345678901234567890","data":[${integers.join(',')}],"f":0.30000000000000004}`
      const body = parseWideBody(text) as { id: string; data: (number | bigint)[]; f: number }
      expect(body.data.map(BigInt)).toEqual(integers)
      expect([body.id, body.f]).toEqual(['12345678901234567890', 0.30000000000000004])
      expect(JSON.stringify(integers.map(toWholeInteger))).toBe(`[${integers.join(',')}]`)
    }),
  )
})

test.for([
  { why: 'more digits than any type has', text: `[${'9'.repeat(400)}]`, want: [Number.POSITIVE_INFINITY] },
  { why: 'a fraction', text: '[12345678901234567.5]', want: [Number('12345678901234567.5')] },
  { why: 'an exponent', text: '[1234567890123456e3]', want: [1234567890123456000] },
  { why: 'NaN beside a long integer', text: '[NaN, 12345678901234567]', want: [Number.POSITIVE_INFINITY, Number('12345678901234567')] },
  { why: 'a safe integer of 16 digits', text: '[9007199254740991]', want: [9007199254740991] },
  {
    why: 'digits in a string',
    text: '[12345678901234567, "12345678901234567, \\"12345678901234567"]',
    want: [12345678901234567n, '12345678901234567, "12345678901234567'],
  },
])('no number is read as another: $why', ({ text, want }) => expect(parseWideBody(text)).toEqual(want))

test.for([
  '{ 1234567890123456:1}',
  '{"a":1,1234567890123456:1}',
  '[01234567890123456]',
  '[1234567890123456 7]',
  '[x1234567890123456]',
  '[1234567890123456"]',
])('%s is not JSON, however long the integer', (text) => expect(() => parseWideBody(text)).toThrow('the body is not JSON'))

test('nesting beyond any stack is read, or refused as JSON', () => {
  const deep = `${'['.repeat(200_000)}12345678901234567${']'.repeat(200_000)}`
  expect(() => parseWideBody(deep)).not.toThrow(RangeError)
})
