import fc from 'fast-check'
import { expect, test } from 'vitest'
import { scanNumber } from './scan-number.ts'

const cell = new Float64Array(1)

/** What stands there, or undefined when that is no number as a whole. */
function scan(text: string): number | undefined {
  const end = scanNumber(Buffer.from(`${text}}`), 0, cell, 0)
  return end === text.length ? cell[0]! : undefined
}

/** JSON.parse, as the second opinion. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

test.for([
  ...['0', '-0', '-0.0', '7.4', '0.9978', '1E+2', '1e00000000000000000000005', '-0e-99999999', '0e999999999', '1e999', '-1e999'],
  ...['5e-324', '2e-324', '2.2250738585072014e-308', '1.7976931348623157e308', '1.7976931348623159e308', '1e22', '1e23', '1e-22', '1e-23'],
  ...[
    '9007199254740992',
    '9007199254740993',
    '9007199254740991.5',
    '100000000000000000000000',
    '123456789.123456789',
    '1234567890.12345678',
  ],
  ...['0.30000000000000004', '0.012345678901234567', '0.000000000000000000000000000001', '0.5000000000000000001', `0.${'0'.repeat(400)}1`],
  ...[
    '00',
    '01',
    '-01',
    '00.1',
    '-',
    '',
    '+1',
    '.5',
    '1.',
    '-.5',
    '1.e5',
    '1e',
    '1e+',
    '8.5e',
    '2.5.5',
    '1-',
    '--1',
    'x',
    '123456789.',
    '12345678901.',
  ],
])('%s', (text) => expect(scan(text)).toBe(parse(text)))

const digits = (min: number, max: number) => fc.stringMatching(new RegExp(`^[0-9]{${min},${max}}$`))

test('every spelling of a number is what JSON.parse makes of it, to the bit', () => {
  const spelling = fc
    .tuple(fc.constantFrom('', '-'), digits(1, 20), fc.option(digits(1, 20)), fc.option(fc.integer({ min: -330, max: 330 })))
    .map(
      ([sign, whole, fraction, power]) => `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${power === null ? '' : `e${power}`}`,
    )
  fc.assert(
    fc.property(spelling, (text) => {
      expect(scan(text)).toBe(parse(text))
    }),
    { numRuns: 10_000 },
  )
})

test('doubles as they are written come back, and so do decimals next to the middle of two doubles', () => {
  const between = fc.tuple(fc.double({ min: 1e-5, max: 1e8, noNaN: true }), fc.integer({ min: 15, max: 20 }), fc.constantFrom(0, 0.5, 1))
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), between, (any, [value, precision, share]) => {
      expect(scan(JSON.stringify(any))).toBe(any === 0 ? 0 : any)
      const bits = new BigUint64Array(Float64Array.of(value).buffer)
      bits[0]! += 1n
      const next = new Float64Array(bits.buffer)[0]!
      // The digits of the middle, as long as a double's own arithmetic has them.
      for (const text of [value.toPrecision(precision), middle(value, next, precision), (value + (next - value) * share).toFixed(17)])
        expect(scan(text)).toBe(parse(text))
    }),
    { numRuns: 5000 },
  )
})

/** The decimal of so many digits that is nearest to halfway between two doubles, by whole numbers of any length. */
function middle(a: number, b: number, precision: number): string {
  const scale = 80 // A double of at least 1e-5 is a whole number of 2^-80.
  const sum = BigInt(a * 2 ** scale) + BigInt(b * 2 ** scale) // Twice the middle.
  const decimals = precision - 1
  const scaled = String((sum * 10n ** BigInt(decimals)) >> BigInt(scale + 1)).padStart(decimals + 1, '0')
  return `${scaled.slice(0, -decimals)}.${scaled.slice(-decimals)}`
}
