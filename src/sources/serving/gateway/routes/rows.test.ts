import { expect, test } from 'vitest'
import { compileRowReader } from '../../../../watch/index.ts'
import { testSchema } from '../../../../watch/testing.ts'
import { compileBodyReader } from './rows.ts'

const ROWS_MAX = 3
const read = compileRowReader(testSchema)
const readBody = compileBodyReader(testSchema, ROWS_MAX)

/** What a body gives, and whether it went the long way. */
function readText(text: string | undefined) {
  let isLong = false
  const readRows = (rows: readonly unknown[]) => {
    isLong = true
    return read(rows)
  }
  return { ...readBody(text === undefined ? undefined : Buffer.from(text), { readRows }), isLong }
}

test.for([
  { why: 'one row', text: '{"wind":1,"sky":"sun"}', single: true, isLong: false, faultCount: 0 },
  { why: 'many rows', text: '{"rows":[{"wind":1,"sky":"sun"}]}', single: false, isLong: false, faultCount: 0 },
  { why: 'null, where it may be', text: '{"wind":1,"sky":null}', single: true, isLong: true, faultCount: 0 },
  { why: 'escapes', text: '{"wind":1,"sky":"\\u0073un"}', single: true, isLong: true, faultCount: 0 },
  { why: 'a byte order mark', text: '\ufeff{"wind":1,"sky":"sun"}', single: true, isLong: true, faultCount: 0 },
  { why: 'no rows', text: '{"rows":[]}', single: false, isLong: true, faultCount: 0 },
  { why: 'a fault', text: '{"wind":NaN,"sky":"sun"}', single: true, isLong: true, faultCount: 1 },
])('$why: read, and the long way only where it must be', ({ text, single, isLong, faultCount }) => {
  const body = readText(text)
  expect({ single: body.single, isLong: body.isLong, faultCount: body.read.faultCount }).toEqual({ single, isLong, faultCount })
})

const row = '{"wind":1,"sky":"sun"}'
test.for([
  { text: undefined, message: 'got nothing' },
  { text: '', message: 'the body is not JSON' },
  { text: '[]', message: 'got a list' },
  {
    text: `{"rows":[${Array(ROWS_MAX + 1)
      .fill(row)
      .join(',')}]}`,
    message: 'rows holds 4 rows; one request may have 3',
  },
  { text: `{"rows":[${row}],"a":1}`, message: 'nothing else may stand' },
  { text: `${row}x`, message: 'the body is not JSON' },
])('%j is refused', ({ text, message }) =>
  expect(() => readText(text)).toThrow(expect.objectContaining({ code: 'MW_BODY_INVALID', message: expect.stringContaining(message) })),
)
