import { expect, test } from 'vitest'
import { parseModelSchema } from '../../../../watch/index.ts'
import { parseUpstream } from './config.ts'
import { bindJson } from './json-protocol.ts'

const schema = parseModelSchema(
  'name: m\nfeatures: [{ name: a, type: number }, { name: b, type: category }]\noutputs: [{ name: y, kind: regression }]',
  {
    file: 'model.yaml',
  },
)
const good = 'url: http://127.0.0.1:1\nprotocol: json\nrequest: $rows\nresponse: { y: /y }\n'

test('defaults', () => {
  const { parsed } = parseUpstream(good, '/models/m/revisions/v1/upstream.yaml')
  expect(parsed.value).toMatchObject({
    method: 'POST',
    path: '/',
    batch: true,
    connections: 16,
    timeout: '10s',
    connect_timeout: '2s',
    retry: true,
    attempts_max: 3,
    breaker: { failure_ratio: 0.5, requests_min: 10 },
  })
})

test('files of headers lie beside it', () => {
  const text = `${good}bearer_token_file: token\nheader_files: { x-key: /run/secrets/key }\ntls: { ca_file: ../ca.pem }\n`
  expect(parseUpstream(text, '/models/m/revisions/v1/upstream.yaml').parsed.value).toMatchObject({
    bearer_token_file: '/models/m/revisions/v1/token',
    header_files: { 'x-key': '/run/secrets/key' },
    tls: { ca_file: '/models/m/revisions/ca.pem' },
  })
})

test.for([
  { why: 'no protocol', text: 'url: http://h', want: 'upstream.yaml:1:1: needs the key protocol' },
  {
    why: 'another protocol',
    text: 'url: http://h\nprotocol: grpc',
    want: 'upstream.yaml:2:1: protocol: must be one of json, open-inference, not "grpc"',
  },
  {
    why: 'no address',
    text: good.replace('http://127.0.0.1:1', 'localhost:80'),
    want: 'upstream.yaml:1:1: url: must be an address such as',
  },
  { why: 'an address that is none', text: good.replace('http://127.0.0.1:1', 'http://['), want: 'url: is no address' },
  { why: 'a password in the address', text: good.replace('127.0.0.1', 'u:p@h'), want: 'url: holds a password' },
  { why: 'a query in the address', text: good.replace('127.0.0.1:1', 'h/?x=1'), want: 'url: must end with its path' },
  {
    why: 'a key of the other protocol',
    text: 'url: http://h\nprotocol: open-inference\nrequest: $rows',
    want: 'upstream.yaml:3:1: request: unknown key; known here: protocol, model',
  },
  { why: 'a certificate without its key', text: `${good}tls: { cert_file: a.pem }`, want: 'tls: cert_file and key_file go together' },
  {
    why: 'a header of ours',
    text: `${good}headers: { Content-Type: text/plain }`,
    want: 'headers: content-type is set by modelwatch itself',
  },
  { why: 'a header twice', text: `${good}headers: { X-A: b }\nheader_files: { x-a: f }`, want: 'headers: x-a is given twice' },
  { why: 'no time', text: `${good}timeout: 0s`, want: 'timeout: must be a duration above zero' },
])('upstream.yaml is refused: $why', ({ text, want }) => {
  expect(() => parseUpstream(text, 'upstream.yaml')).toThrow(
    expect.objectContaining({ code: 'MW_CONFIG_INVALID', message: expect.stringContaining(want) as string }),
  )
})

test.for([
  {
    why: 'a word that is not known',
    change: ['$rows', '$inputs'],
    want: 'upstream.yaml:3:1: request: $inputs is not known; here stand $rows, $columns and $features.NAME',
  },
  { why: 'one row where all are meant', change: ['$rows', '{ x: $row }'], want: 'request.x: $row means one row; here stand' },
  { why: 'all rows where one is meant', change: ['$rows', '{ $each: $rows }'], want: 'request.$each: $rows means all rows; here stand' },
  {
    why: 'each of each',
    change: ['$rows', '{ $each: { $each: $row } }'],
    want: 'request.$each.$each: stands for all rows, where one row is meant',
  },
  { why: 'each beside others', change: ['$rows', '{ $each: $row, x: 1 }'], want: 'request: $each stands alone' },
  { why: 'two stars', change: ['/y', '/*/*'], want: 'response.y: has more than one *' },
  { why: 'a form without fields', change: ['request: $rows', 'encoding: form\nrequest: $rows'], want: 'request: a form needs a mapping' },
  {
    why: 'a star for one row',
    change: ['request: $rows', 'batch: false\nrequest: $row'],
    to: ['/y', '/*/y'],
    want: 'response.y: has a *, which stands for many rows; batch is false',
  },
])('a template is refused: $why', ({ change: [from, to], to: second = ['', ''], want }) => {
  const { parsed } = parseUpstream(good.replace(from!, () => to!).replace(second[0]!, second[1]!), 'upstream.yaml')
  expect(() => bindJson(parsed as never, schema, 'http://h')).toThrow(
    expect.objectContaining({ code: 'MW_CONFIG_INVALID', message: expect.stringContaining(want) as string }),
  )
})

test.for([
  {
    why: 'a feature that is not sent',
    change: ['$rows', '{ a: $features.a }'],
    want: 'upstream.yaml:3:1: request: does not send b; name in not_sent what',
  },
  {
    why: 'a feature that is not there',
    change: ['$rows', '{ a: $features.c }'],
    want: 'request.a: c is no feature of model.yaml that is sent; those are a, b',
  },
  { why: 'not sent, and not there', change: ['request', 'not_sent: [c]\nrequest'], want: 'not_sent[0]: c is no feature' },
  { why: 'another output', change: ['y: /y', 'z: /y'], want: 'response.z: is no output of model.yaml' },
  { why: 'no output', change: ['{ y: /y }', '{}'], want: 'response: does not say where the output y stands' },
])('upstream.yaml and model.yaml disagree: $why', ({ change: [from, to], want }) => {
  const { parsed } = parseUpstream(
    good.replace(from!, () => to!),
    'upstream.yaml',
  )
  expect(() => bindJson(parsed as never, schema, 'http://h')).toThrow(
    expect.objectContaining({ code: 'MW_MODEL_MISMATCH', message: expect.stringContaining(want) as string }),
  )
})
