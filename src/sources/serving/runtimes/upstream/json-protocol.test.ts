import { expect, test } from 'vitest'
import { type Columns, parseModelSchema } from '../../../../watch/index.ts'
import { parseUpstream } from './config.ts'
import { bindJson } from './json-protocol.ts'

const schema = parseModelSchema(
  `name: m
features:
  - { name: n, type: number, nullable: true }
  - { name: f, type: boolean }
  - { name: c, type: category, nullable: true }
  - { name: w, type: uint64 }
  - { name: p, type: image }
  - { name: s, type: integer, shape: [2, 1] }
outputs: [{ name: y, kind: regression }]`,
  { file: 'model.yaml' },
)
const columns: Columns = {
  rows: 2,
  values: [
    Float64Array.of(1.5, Number.NaN),
    Float64Array.of(1, 0),
    ['red', ''],
    BigUint64Array.of(2n ** 64n - 1n, 7n),
    [Uint8Array.of(1, 2, 3), Uint8Array.of(255)],
    Float64Array.of(1, 2, 3, 4),
  ],
}
const first = '{"n":1.5,"f":true,"c":"red","w":18446744073709551615,"p":"AQID","s":[[1],[2]]}'
const second = '{"n":null,"f":false,"c":null,"w":7,"p":"/w==","s":[[3],[4]]}'

const encode = (request: string, { rest = '', batch = true }: { rest?: string; batch?: boolean } = {}) => {
  const text = `url: http://h\nprotocol: json\nbatch: ${batch}\nrequest: ${request}\nresponse: { y: /y }\n${rest}`
  return bindJson(parseUpstream(text, 'upstream.yaml').parsed as never, schema, 'http://h').encode(columns, 0, batch ? 2 : 1)
}

test.for([
  { why: 'rows as they are', request: '{ instances: $rows }', want: `{"instances":[${first},${second}]}` },
  { why: 'the rows alone', request: '$rows', want: `[${first},${second}]` },
  {
    why: 'columns',
    request: '$columns',
    want: '{"n":[1.5,null],"f":[true,false],"c":["red",null],"w":[18446744073709551615,7],"p":["AQID","/w=="],"s":[[[1],[2]],[[3],[4]]]}',
  },
  {
    why: 'a matrix',
    request: '{ columns: [n, f], data: { $each: [$features.n, $features.f] } }',
    rest: 'not_sent: [c, w, p, s]',
    want: '{"columns":["n","f"],"data":[[1.5,true],[null,false]]}',
  },
  {
    why: 'all values of each',
    request: '{ $each: { id: 1, x: $values } }',
    rest: 'not_sent: [c, w, p, s]',
    want: '[{"id":1,"x":[1.5,true]},{"id":1,"x":[null,false]}]',
  },
  { why: 'one row', request: '$row', batch: false, want: first },
  {
    why: 'what is no word stays',
    request: '{ a: $$row, b: x, c: null, d: [1, true], e: $values }',
    rest: 'not_sent: [c, w, p, s]',
    batch: false,
    want: '{"a":"$row","b":"x","c":null,"d":[1,true],"e":[1.5,true]}',
  },
])('$why', ({ request, want, ...options }) => {
  const { body, method, path, headers } = encode(request, options)
  expect(body).toBe(want)
  expect({ method, path, headers }).toEqual({ method: 'POST', path: '/', headers: { 'content-type': 'application/json' } })
})

test('a form with a field of JSON text, and one of text', () => {
  const rest = 'encoding: form\nnot_sent: [n, f, w, p]'
  const { body, headers } = encode('{ inputs: [$features.s], kind: $features.c, key: "a&b" }', { rest, batch: false })
  expect(headers).toEqual({ 'content-type': 'application/x-www-form-urlencoded' })
  expect(Object.fromEntries(new URLSearchParams(body))).toEqual({ inputs: '[[[1],[2]]]', kind: 'red', key: 'a&b' })
})

test('an infinity is refused, not sent as null', () => {
  const { parsed } = parseUpstream('url: http://h\nprotocol: json\nrequest: $rows\nresponse: { y: /y }', 'upstream.yaml')
  const protocol = bindJson(parsed as never, schema, 'http://h')
  const values = [Float64Array.of(Number.NEGATIVE_INFINITY, 1), ...columns.values.slice(1)]
  expect(() => protocol.encode({ rows: 2, values }, 0, 2)).toThrow(expect.objectContaining({ code: 'MW_INPUT_UNFIT' }))
})
