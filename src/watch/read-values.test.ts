import { Ajv } from 'ajv'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toExampleRow, toRowSchema } from './input-schema.ts'
import { compileRowReader } from './rows.ts'
import { parseModelSchema } from './schema.ts'

const schema = parseModelSchema(
  `name: m
features:
  - { name: id, type: int64 }
  - { name: big, type: uint64 }
  - { name: photo, type: image, nullable: true }
  - { name: grid, type: integer, shape: [2, 3], range: [0, 9] }
  - { name: series, type: number, shape: [3], nullable: true, range: [0, 1], enforce: count }
  - { name: mask, type: boolean, shape: [1, 2] }
outputs:
  - { name: y, kind: regression }
`,
  { file: 'model.yaml' },
)
const read = compileRowReader(schema)
const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3)
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
const good = {
  id: 1,
  big: '18446744073709551615',
  photo: base64(png),
  grid: [
    [1, 2, 3],
    [4, 5, 6],
  ],
  series: [0.5, 1, 0],
  mask: [[true, false]],
}

test('good rows become columns, a shape row by row', () => {
  const second = { ...good, id: '-9223372036854775808', big: 7, grid: [0, 1, 2, 3, 4, 5], photo: null, series: null, mask: [false, true] }
  const { columns, faultCount, specials } = read([good, second])
  expect(faultCount).toBe(0)
  expect(columns.values).toEqual([
    BigInt64Array.of(1n, -(2n ** 63n)),
    BigUint64Array.of(2n ** 64n - 1n, 7n),
    [png, new Uint8Array(0)],
    Float64Array.of(1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5),
    Float64Array.of(0.5, 1, 0, Number.NaN, Number.NaN, Number.NaN),
    Float64Array.of(1, 0, 0, 1),
  ])
  expect(specials).toEqual([
    { feature: 2, bin: 'missing', count: 1 },
    { feature: 4, bin: 'missing', count: 3 },
  ])
})

const wide = 'must be a whole number from -9223372036854775808 to 9223372036854775807, as a string of digits beyond ±9007199254740991, got'

test.for([
  { why: 'a number that JSON has rounded', change: { id: 2 ** 53 }, field: 'id', message: `${wide} 9007199254740992` },
  { why: 'one above the largest', change: { id: '9223372036854775808' }, field: 'id', message: `${wide} the string` },
  { why: 'one below the smallest', change: { id: '-9223372036854775809' }, field: 'id', message: wide },
  { why: 'a fraction', change: { id: 1.5 }, field: 'id', message: `${wide} 1.5` },
  { why: 'words', change: { id: '12a' }, field: 'id', message: wide },
  { why: 'a plus sign', change: { id: '+1' }, field: 'id', message: wide },
  { why: 'nothing', change: { id: '' }, field: 'id', message: wide },
  { why: 'hexadecimal', change: { id: '0x10' }, field: 'id', message: wide },
  { why: 'below zero', change: { big: -1 }, field: 'big', message: 'must be a whole number from 0 to 18446744073709551615' },
  { why: 'above 64 bits', change: { big: '18446744073709551616' }, field: 'big', message: 'must be a whole number from 0 to' },
  { why: 'null for a wide integer', change: { big: null }, field: 'big', message: 'must not be null', rule: 'missing' },
  { why: 'no base64', change: { photo: 'iVBOR!' }, field: 'photo', message: 'must be a picture file in base64, without line breaks' },
  { why: 'base64 with line breaks', change: { photo: `${base64(png)}\n` }, field: 'photo', message: 'must be a picture file in base64' },
  {
    why: 'base64 without its padding',
    change: { photo: base64(png).replace(/=+$/, '') },
    field: 'photo',
    message: 'must be a picture file in base64',
  },
  { why: 'base64 for addresses', change: { photo: '_-__' }, field: 'photo', message: 'must be a picture file in base64' },
  { why: 'no bytes', change: { photo: '' }, field: 'photo', message: 'must be a picture, got an empty string' },
  {
    why: 'a data URL of no bytes',
    change: { photo: 'data:image/png;base64,' },
    field: 'photo',
    message: 'must be a picture file in base64',
  },
  { why: 'a data URL as text', change: { photo: 'data:text/plain,abcd' }, field: 'photo', message: 'must be a picture file in base64' },
  {
    why: 'bytes of something else',
    change: { photo: base64(Buffer.from('%PDF-1.7')) },
    field: 'photo',
    message: 'must be a picture (PNG, JPEG, WebP, GIF, BMP or TIFF), got 8 bytes that begin 25 50 44 46 2d 31 2e 37',
  },
  {
    why: 'a number for a picture',
    change: { photo: 7 },
    field: 'photo',
    message: 'must be a picture file in base64, without line breaks, got 7',
  },
  {
    why: 'too few values',
    change: { grid: [1, 2, 3] },
    field: 'grid',
    message: 'must be a list of 6 values, nested [2, 3] or flat, got a list of 3',
  },
  {
    why: 'another nesting',
    change: {
      grid: [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    },
    field: 'grid',
    message: 'must be a list of 6 values, nested [2, 3] or flat',
  },
  {
    why: 'a ragged list',
    change: {
      grid: [
        [1, 2, 3],
        [4, 5],
      ],
    },
    field: 'grid',
    message: 'must be a list of 6 values',
  },
  { why: 'one value', change: { grid: 1 }, field: 'grid', message: 'must be a list of 6 values, nested [2, 3] or flat, got 1' },
  { why: 'null for all', change: { grid: null }, field: 'grid', message: 'must not be null', rule: 'missing' },
  { why: 'null inside', change: { series: [0, null, 1] }, field: 'series', message: '[1] must not be null', rule: 'missing' },
  {
    why: 'text inside',
    change: {
      grid: [
        [1, 2, 3],
        [4, '5', 6],
      ],
    },
    field: 'grid',
    message: '[1][1] must be a whole number of at most',
  },
  { why: 'a fraction inside', change: { grid: [1, 2, 3, 4, 5, 6.5] }, field: 'grid', message: '[1][2] must be a whole number' },
  {
    why: 'out of range inside',
    change: { grid: [1, 2, 3, 10, 5, 6] },
    field: 'grid',
    message: '[1][0] must lie between 0 and 9, got 10',
    rule: 'range',
  },
  {
    why: 'infinite inside',
    change: { series: [0, 1, Number.POSITIVE_INFINITY] },
    field: 'series',
    message: '[2] must be a finite number',
    rule: 'nonfinite',
  },
  { why: 'a number for a boolean inside', change: { mask: [[true, 1]] }, field: 'mask', message: '[0][1] must be true or false, got 1' },
])('$why is refused by row, field and reason', ({ change, field, message, rule = 'type' }) => {
  const { faults, faultCount } = read([good, { ...good, ...change }])
  expect(faultCount).toBe(1)
  expect(faults[0]).toMatchObject({ row: 1, field, rule, message: expect.stringContaining(message) })
})

test('each wrong value of a shape is counted, and one that is only counted is served', () => {
  const { specials, violations, faultCount } = read([{ ...good, grid: [null, '2', 3, null, 5, 6], series: [0, 2, 3] }])
  expect(faultCount).toBe(3)
  expect(specials).toEqual([
    { feature: 3, bin: 'missing', count: 2 },
    { feature: 3, bin: 'invalid', count: 1 },
  ])
  expect(violations).toEqual([
    { name: 'grid', rule: 'missing', count: 2 },
    { name: 'grid', rule: 'type', count: 1 },
    { name: 'series', rule: 'range', count: 2 },
  ])
})

test.for([
  { format: 'PNG', bytes: png },
  { format: 'JPEG', bytes: Uint8Array.of(0xff, 0xd8, 0xff, 0xe0) },
  { format: 'WebP', bytes: Buffer.from('RIFF\x10\0\0\0WEBPVP8 ') },
  { format: 'GIF', bytes: Buffer.from('GIF89a\x01') },
  { format: 'BMP', bytes: Buffer.from('BM\x01') },
  { format: 'TIFF, low byte first', bytes: Buffer.from('II*\0\x08') },
  { format: 'TIFF, high byte first', bytes: Buffer.from('MM\0*\x08') },
])('$format is a picture, bare, as a data URL and as bytes', ({ bytes }) => {
  const want = Uint8Array.from(bytes)
  for (const photo of [base64(bytes), `data:image/x;charset=utf-8;base64,${base64(bytes)}`, want]) {
    const { columns, faults } = read([{ ...good, photo }])
    expect(faults).toEqual([])
    expect(columns.values[2]).toEqual([want])
  }
})

test('the bytes of a picture stand in a buffer of their own, so that a thread may be given them and nobody else’s', () => {
  const [photo] = read([good]).columns.values[2] as readonly Uint8Array[]
  expect(photo!.buffer.byteLength).toBe(png.length)
})

test('base64 is read whole or not at all', () => {
  const alphabet = fc.constantFrom(...'ABCDwxyz0189+/=-_ \n!é')
  const reads = (photo: string) => {
    const { columns, faultCount } = compileRowReader(onlyPhoto)([{ photo }])
    return faultCount === 0 ? (columns.values[0] as readonly Uint8Array[])[0] : undefined
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.array(fc.tuple(fc.nat(60), alphabet), { maxLength: 2 }), (tail, edits) => {
      const whole = Uint8Array.from([...png, ...tail])
      let text = base64(whole)
      expect(reads(text)).toEqual(whole)
      for (const [at, letter] of edits) text = text.slice(0, at) + letter + text.slice(at + 1)
      const got = reads(text)
      const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)
      if (got !== undefined) expect(canonical, text).toBe(true)
      if (got !== undefined) expect(got).toEqual(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)))
    }),
    { numRuns: 2000 },
  )
})
const onlyPhoto = parseModelSchema('name: m\nfeatures: [{ name: photo, type: image }]\noutputs: [{ name: y, kind: regression }]', {
  file: 'm',
})

test('the example row is good', () => {
  const example = toExampleRow(schema, undefined)
  expect(read([example]).faults).toEqual([])
  expect(example.grid).toEqual([
    [0, 0, 0],
    [0, 0, 0],
  ])
})

test('the reader accepts what the published JSON Schema accepts, and nothing else', () => {
  const { photo: _, ...rest } = toRowSchema(schema).properties as Record<string, object>
  const published = { ...toRowSchema(schema), properties: { ...rest, photo: {} } }
  const validate = new Ajv({ strict: false }).compile(published)
  const element = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 9 }) }, fc.constantFrom(null, '1', true, 1.5, 10, -1, [1], {}))
  const list = (length: number, of: fc.Arbitrary<unknown>) => fc.array(of, { minLength: length, maxLength: length })
  const odd = fc.oneof(
    fc.constantFrom(null, 1, '', {}, []),
    fc.array(element, { maxLength: 6 }),
    fc.array(fc.array(element, { maxLength: 3 }), { maxLength: 2 }),
  )
  const digits = fc.oneof(
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.maxSafeInteger().map(String),
    fc.constantFrom('-0', '007', ' 1', '1.0', '1e3', '-1'),
  )
  const row = fc.record({
    id: fc.oneof(digits, odd),
    big: fc.oneof(digits, odd),
    photo: fc.constant(good.photo),
    grid: fc.oneof(list(6, element), list(2, list(3, element)), odd),
    series: fc.oneof(list(3, element), odd, fc.constant(null)),
    mask: fc.oneof(list(2, fc.boolean()), list(1, list(2, fc.boolean())), odd),
  })
  const nearlyGood = fc
    .tuple(row, fc.constantFrom(...(Object.keys(good) as (keyof typeof good)[])))
    .map(([r, key]) => ({ ...good, [key]: r[key] }))
  fc.assert(
    fc.property(nearlyGood, (value) => {
      expect(read([value]).faultCount === 0, JSON.stringify(value)).toBe(validate(value))
    }),
    { numRuns: 3000 },
  )
})
