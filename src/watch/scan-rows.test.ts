import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isRow } from './findings.ts'
import { compileRowReader, type ReadRows } from './rows.ts'
import { compileRowScanner, type ScannedRows } from './scan-rows.ts'
import { type ModelSchema, parseModelSchema } from './schema.ts'

const ROWS_MAX = 40

const schemaOf = (features: readonly object[]): ModelSchema =>
  parseModelSchema(`name: m\nfeatures: ${JSON.stringify(features)}\noutputs: [{ name: y, kind: regression }]`, { file: 'model.yaml' })

const schema = schemaOf([
  { name: 'wind', type: 'number', range: [0, 60] },
  { name: 'windy', type: 'boolean' },
  { name: 'w', type: 'integer' },
  { name: 'sky', type: 'category', categories: ['sun', 'rain', 'schön', ''] },
  { name: 'note', type: 'category', nullable: true },
  { name: 'gust', type: 'number', range: [-10, 10], enforce: 'count' },
])
const row = '{"wind":3.5,"windy":true,"w":-7,"sky":"schön","note":"ä b","gust":-0}'

/** The long way, as the gateway goes it; undefined where it refuses. */
function readLong(of: ModelSchema, text: string): ScannedRows | undefined {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRow(body)) return undefined
  const single = !('rows' in body) || of.features.some(({ name }) => name === 'rows')
  if (!single && (!Array.isArray(body.rows) || Object.keys(body).length > 1 || body.rows.length > ROWS_MAX)) return undefined
  const read = compileRowReader(of)(single ? [body] : (body.rows as unknown[]))
  return read.faultCount === 0 ? { read, single } : undefined
}

const plain = ({ read, single }: ScannedRows) => ({ single, read: { ...read, faults: [...read.faults] } satisfies ReadRows })

/** Whatever it accepts, the long way accepts, with the same columns to the bit (toEqual tells 0 from -0), and nothing beside them. */
function expectAgreement(of: ModelSchema, scanned: ScannedRows | undefined, text: string): void {
  if (scanned === undefined) return
  const long = readLong(of, text)
  expect(long).toBeDefined()
  expect(plain(scanned)).toEqual(plain(long!))
}

const scan = compileRowScanner(schema, ROWS_MAX)!

test.for([
  { why: 'one row', text: row, rows: 1 },
  { why: 'a list', text: `{"rows":[${row},${row}]}`, rows: 2 },
  { why: 'a list longer than the room at first', text: `{"rows":[${Array(ROWS_MAX).fill(row).join(',')}]}`, rows: ROWS_MAX },
  { why: 'space wherever it may be', text: ` {\n"rows"\t: [ ${row.replace(/([{}:,])/g, ' $1\r\n')} , ${row}\n] } \n`, rows: 2 },
  { why: 'another order', text: `{"rows":[${row},{"gust":1,"note":"","sky":"","w":0,"windy":false,"wind":60}]}`, rows: 2 },
])('$why is scanned', ({ text, rows }) => {
  const scanned = scan(Buffer.from(text))
  expect(scanned?.read.columns.rows).toBe(rows)
  expectAgreement(schema, scanned, text)
})

test.for([
  { why: 'an absent field', text: row.replace('"w":-7,', '') },
  { why: 'an unknown field', text: row.replace('"w"', '"v"') },
  { why: 'a field more', text: row.replace('}', ',"v":1}') },
  { why: 'a field twice', text: row.replace('"w":-7', '"wind":1') },
  { why: 'a field twice, both known, none absent', text: row.replace('}', ',"w":1}') },
  { why: 'null, though it may be', text: row.replace('"ä b"', 'null') },
  { why: 'a text for a number', text: row.replace('3.5', '"3.5"') },
  { why: 'a number for a boolean', text: row.replace('true', '1') },
  { why: 'a fraction for an integer', text: row.replace('-7', '-7.5') },
  { why: 'an integer that JSON does not carry', text: row.replace('-7', '9007199254740992') },
  { why: 'an escape in a text', text: row.replace('ä b', 'ä\\u0020b') },
  { why: 'an escape in a name', text: row.replace('"w"', '"\\u0077"') },
  { why: 'a control character', text: row.replace('ä b', 'ä\nb') },
  { why: 'another category', text: row.replace('schön', 'schon') },
  { why: 'out of range', text: row.replace('3.5', '60.00000000000001') },
  { why: 'out of a range that only counts', text: row.replace('-0', '-11') },
  { why: 'too large for a double', text: row.replace('3.5', '1e400') },
  { why: 'NaN', text: row.replace('3.5', 'NaN') },
  { why: 'a leading zero', text: row.replace('3.5', '03.5') },
  { why: 'a point at the end', text: row.replace('3.5', '3.') },
  { why: 'a list in place of a row', text: `{"rows":[[1]]}` },
  { why: 'no rows', text: '{"rows":[]}' },
  { why: 'a comma at the end', text: `{"rows":[${row},]}` },
  { why: 'something beside rows', text: `{"rows":[${row}],"a":1}` },
  {
    why: 'too many rows',
    text: `{"rows":[${Array(ROWS_MAX + 1)
      .fill(row)
      .join(',')}]}`,
  },
  { why: 'something behind', text: `${row}}` },
  { why: 'a byte order mark', text: `\ufeff${row}` },
  { why: 'a list', text: `[${row}]` },
  { why: 'nothing', text: '' },
  { why: 'space', text: ' \n' },
  { why: 'a brace', text: '}' },
])('$why is left to the long way', ({ text }) => expect(scan(Buffer.from(text))).toBeUndefined())

test('a body refused half way leaves nothing to the next one', () => {
  expect(scan(Buffer.from(`{"rows":[${row},{"gust":1,"w":`))).toBeUndefined()
  expect(scan(Buffer.from(row.replace('-7', 'x')))).toBeUndefined()
  const scanned = scan(Buffer.from(row))
  expect(scanned).toBeDefined()
  expectAgreement(schema, scanned, row)
})

test('columns are of their own: the next body does not change them', () => {
  const { columns } = scan(Buffer.from(row))!.read
  const before = structuredClone(columns)
  scan(Buffer.from(row.replace('3.5', '7').replace('true', 'false').replace('schön', 'sun')))
  expect(columns).toEqual(before)
})

test('text that is not UTF-8 is what a decoder makes of it', () => {
  const bytes = Buffer.concat([Buffer.from('{"note":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')])
  const noted = schemaOf([{ name: 'note', type: 'category' }])
  expect(compileRowScanner(noted, 1)!(bytes)?.read.columns.values).toEqual([[JSON.parse(bytes.toString()).note]])
  const known = schemaOf([{ name: 'note', type: 'category', categories: ['\ufffd(\ufffd'] }])
  expect(compileRowScanner(known, 1)!(bytes)).toBeUndefined()
})

test('half a surrogate pair among the categories is not taken for the mark that a decoder writes', () => {
  const half = { ...schema, features: [{ ...schema.features[3]!, categories: ['\ud800'] }] }
  expect(compileRowScanner(half, 1)!(Buffer.from('{"sky":"\ufffd"}'))).toBeUndefined()
})

test('a feature called rows', () => {
  const rows = compileRowScanner(schemaOf([{ name: 'rows', type: 'number' }]), 1)!
  expect(rows(Buffer.from('{"rows":1}'))).toMatchObject({ single: true, read: { columns: { values: [Float64Array.of(1)] } } })
  expect(rows(Buffer.from('{"rows":[{"rows":1}]}'))).toBeUndefined()
})

test.for([{ type: 'int64' }, { type: 'uint64' }, { type: 'image' }, { type: 'number', shape: [2] }])('%j is not scanned', (feature) =>
  expect(
    compileRowScanner(
      schemaOf([
        { name: 'a', type: 'number' },
        { name: 'x', ...feature },
      ]),
      1,
    ),
  ).toBeUndefined(),
)

const space = fc.constantFrom('', '', '', '', ' ', '\n', '\t\r ')
const numbers = fc.oneof(
  fc.constantFrom(
    '1',
    '1.0',
    '1e0',
    '-0',
    '1E+2',
    '0.1',
    '123456789012345678',
    '5e-324',
    '1.7976931348623157e308',
    '0e9',
    '9007199254740993',
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.stringMatching(/^-?(0|[1-9]\d{0,25})(\.\d{1,25})?([eE][+-]?\d{1,3})?$/),
)
const texts = fc.oneof(fc.constantFrom('sun', 'rain', 'schön', ''), fc.string({ unit: 'binary' }))

const featureArbitrary = fc.oneof(
  fc.record({ type: fc.constantFrom('number', 'integer', 'boolean', 'category') }),
  fc.record({ type: fc.constant('number'), range: fc.constantFrom([-1e300, 1e300], [0, 1]), enforce: fc.constantFrom('reject', 'count') }),
  fc.record({ type: fc.constant('category'), categories: fc.constantFrom(['sun', 'rain'], ['schön', '', 'sun', '"']) }),
)

/** A schema, and the text of a body that mostly fits it. */
const bodies = fc
  .tuple(
    fc.uniqueArray(fc.stringMatching(/^[a-c][ab_]{0,5}$/), { minLength: 1, maxLength: 5 }),
    fc.array(featureArbitrary, { minLength: 5, maxLength: 5 }),
  )
  .chain(([names, types]) => {
    const of = schemaOf(names.map((name, f) => ({ name, ...types[f] })))
    const values = of.features.map(({ type, categories }): fc.Arbitrary<string> => {
      if (type === 'boolean') return fc.constantFrom('true', 'false')
      if (type === 'integer') return fc.oneof(fc.maxSafeInteger().map(String), fc.constantFrom('-0', '1e3', '2.0'))
      if (type === 'number') return numbers
      return categories === undefined
        ? texts.map((text) => JSON.stringify(text))
        : fc.constantFrom(...categories).map((text) => JSON.stringify(text))
    })
    const rowText = fc
      .tuple(
        fc.tuple(...values),
        fc.shuffledSubarray(
          names.map((_, f) => f),
          { minLength: names.length },
        ),
        space,
        space,
      )
      .map(([cells, order, a, b]) => `{${a}${order.map((f) => `"${names[f]}"${b}:${a}${cells[f]}${b}`).join(`,${a}`)}}`)
    return fc.record({
      of: fc.constant(of),
      text: fc.oneof(
        rowText,
        fc
          .tuple(fc.array(rowText, { minLength: 1, maxLength: 5 }), space)
          .map(([rows, s]) => `${s}{"rows"${s}:[${s}${rows.join(`${s},`)}${s}]${s}}${s}`),
      ),
    })
  })

test('whatever is scanned is what the long way reads, and most of what it reads is scanned', () => {
  let accepted = 0
  let readable = 0
  fc.assert(
    fc.property(bodies, ({ of, text }) => {
      const scanned = compileRowScanner(of, ROWS_MAX)!(Buffer.from(text))
      expectAgreement(of, scanned, text)
      if (scanned !== undefined) accepted++
      const long = readLong(of, text)
      // Without escapes, and where nothing is counted, it must say yes.
      if (long === undefined || long.read.violations.length > 0 || text.includes('\\')) return
      readable++
      expect(scanned).toBeDefined()
    }),
    { numRuns: 1500 },
  )
  expect(accepted).toBeGreaterThan(300)
  expect(accepted).toBe(readable)
})

test('with one character changed, it accepts nothing that the long way refuses, and reads nothing else', () => {
  const character = fc.oneof(fc.constantFrom(...'{}[]",:\\ \n\u0001.-+eE0123456789tfnaä'), fc.constant(''))
  fc.assert(
    fc.property(
      bodies,
      fc.array(fc.tuple(fc.nat(), character, fc.boolean()), { minLength: 8, maxLength: 8 }),
      ({ of, text }, mutations) => {
        const scanIt = compileRowScanner(of, ROWS_MAX)!
        for (const [place, by, replace] of mutations) {
          const at = place % (text.length + 1)
          const changed = text.slice(0, at) + by + text.slice(replace || by === '' ? at + 1 : at)
          expectAgreement(of, scanIt(Buffer.from(changed)), Buffer.from(changed).toString())
          expectAgreement(of, scanIt(Buffer.from(text.slice(0, at))), text.slice(0, at))
        }
      },
    ),
    { numRuns: 1000 },
  )
})
