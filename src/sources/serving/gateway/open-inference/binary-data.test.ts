import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Column, parseModelSchema } from '../../../../watch/index.ts'
import type { LoadedModel } from '../../runtimes/contract.ts'
import { BinaryData, HEADER_LENGTH } from './binary-data.ts'
import { datatypes } from './datatypes.ts'
import { createTestProtocol } from './testing.ts'

interface Sent {
  readonly json: unknown
  readonly binary?: Uint8Array
  /** In place of the header that is right; null: none. */
  readonly length?: string | null
  readonly type?: string
}

/** A gateway whose model answers its inputs, spoken to in bytes. */
async function serve(features: string, outputs: string, answer: (values: readonly Column[]) => readonly Column[] = (values) => values) {
  const schema = parseModelSchema(`name: m\nfeatures: [${features}]\noutputs: [${outputs}]`, { file: 'model.yaml' })
  const seen: (readonly Column[])[] = []
  const loaded: LoadedModel = {
    concurrency: 1,
    threads: undefined,
    predict: async ({ values }) => {
      seen.push(values)
      return answer(values)
    },
    unload: async () => {},
  }
  const { app } = await createTestProtocol({ schema, loaded })
  const send = async ({ json, binary = new Uint8Array(0), length, type = 'application/octet-stream' }: Sent) => {
    const head = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json))
    const headers = { 'content-type': type, ...(length === null ? {} : { [HEADER_LENGTH]: length ?? String(head.length) }) }
    const response = await app.inject({ method: 'POST', url: '/v2/models/m/infer', headers, payload: Buffer.concat([head, binary]) })
    const jsonEnd = response.headers[HEADER_LENGTH] === undefined ? response.rawPayload.length : Number(response.headers[HEADER_LENGTH])
    const body = JSON.parse(response.rawPayload.subarray(0, jsonEnd).toString()) as Record<string, unknown>
    return { status: response.statusCode, type: response.headers['content-type'], body, binary: response.rawPayload.subarray(jsonEnd) }
  }
  return { send, seen }
}

const input = (name: string, shape: readonly number[], datatype: string, size: number) => ({
  name,
  shape,
  datatype,
  parameters: { binary_data_size: size },
})
/** Elements of BYTES. */
const elements = (...texts: readonly (string | Uint8Array)[]) =>
  Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text as string)
      return [Buffer.from(Uint32Array.of(bytes.length).buffer), bytes]
    }),
  )

test('the example of the extension: inputs of 16 and 3 bytes, the output behind the JSON of the answer', async () => {
  const { send, seen } = await serve(
    '{ name: input0, type: integer, shape: [2] }, { name: input1, type: boolean }',
    '{ name: output0, kind: value, shape: [2] }',
    ([input0]) => [input0!],
  )
  const json = {
    model_name: 'm',
    inputs: [input('input0', [2, 2], 'UINT32', 16), input('input1', [2], 'BOOL', 2)],
    outputs: [{ name: 'output0', parameters: { binary_data: true } }],
  }
  // 1, 256, 65536 and 2³² − 1, the low byte first; then true and false.
  const binary = Uint8Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 255, 255, 255, 255, 1, 0)
  const answer = await send({ json, binary })
  expect(answer).toMatchObject({
    status: 200,
    type: 'application/octet-stream',
    body: { outputs: [{ name: 'output0', shape: [2, 2], datatype: 'FP64', parameters: { binary_data_size: 32 } }] },
  })
  expect(seen).toEqual([[Float64Array.of(1, 256, 65536, 4294967295), Float64Array.of(1, 0)]])
  expect(answer.binary).toEqual(Buffer.from(Float64Array.of(1, 256, 65536, 4294967295).buffer))
})

test('inputs of both forms, and outputs of both forms in the client’s order', async () => {
  const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1)
  const { send, seen } = await serve(
    '{ name: id, type: int64 }, { name: sky, type: category }, { name: photo, type: image }, { name: wind, type: number }',
    '{ name: i, kind: value, type: int64 }, { name: s, kind: value, type: text }, { name: p, kind: value, type: image }, { name: w, kind: regression }',
  )
  const photos = elements(png, png)
  const texts = elements('sön', '')
  const json = {
    inputs: [
      input('photo', [2], 'BYTES', photos.length),
      { name: 'wind', shape: [2], datatype: 'FP32', data: [0.5, 1] },
      input('sky', [2, 1], 'BYTES', texts.length),
      input('id', [2], 'INT64', 16),
    ],
    outputs: [{ name: 'w' }, { name: 'p' }, { name: 's' }, { name: 'i', parameters: { binary_data: false } }],
    parameters: { binary_data_output: true },
  }
  const ids = BigInt64Array.of(-(2n ** 63n), 7n)
  const answer = await send({ json, binary: Buffer.concat([photos, texts, Buffer.from(ids.buffer)]) })
  expect(seen).toEqual([[ids, ['sön', ''], [png, png], Float64Array.of(0.5, 1)]])
  expect(answer.body.outputs).toEqual([
    { name: 'w', shape: [2], datatype: 'FP64', parameters: { binary_data_size: 16 } },
    { name: 'p', shape: [2], datatype: 'BYTES', parameters: { binary_data_size: photos.length } },
    { name: 's', shape: [2], datatype: 'BYTES', parameters: { binary_data_size: texts.length } },
    { name: 'i', shape: [2], datatype: 'INT64', data: [Number(-(2n ** 63n)), 7] },
  ])
  expect(answer.binary).toEqual(Buffer.concat([Buffer.from(Float64Array.of(0.5, 1).buffer), photos, texts]))
})

test('tensors that begin anywhere, and more of them than the room that is kept', async () => {
  const { send, seen } = await serve(
    '{ name: yes, type: boolean }, { name: a, type: number, shape: [2000] }, { name: b, type: number, shape: [2000] }',
    '{ name: y, kind: regression }',
    ([yes]) => [Float64Array.from(yes as Float64Array)],
  )
  for (const rows of [1, 3, 1]) {
    const of = (factor: number) => Float64Array.from({ length: rows * 2000 }, (_, i) => i * factor)
    const [yes, a, b] = [new Uint8Array(rows).fill(1), of(0.1), of(-3)]
    const json = {
      inputs: [
        input('yes', [rows], 'BOOL', rows),
        input('a', [rows, 2000], 'FP64', a.byteLength),
        input('b', [rows, 2000], 'FP64', b.byteLength),
      ],
    }
    const { status } = await send({ json, binary: Buffer.concat([yes, Buffer.from(a.buffer), Buffer.from(b.buffer)]) })
    expect([status, seen.at(-1)]).toEqual([200, [Float64Array.from(yes), a, b]])
  }
})

test('outputs as JSON where none is asked for as binary data, and a number that the model did not give is NaN in 64 bits', async () => {
  const { send } = await serve('{ name: x, type: number }', '{ name: y, kind: regression }', () => [Float64Array.of(Number.NaN)])
  const binary = Buffer.from(Float32Array.of(0.1).buffer)
  const plain = await send({ json: { inputs: [input('x', [1], 'FP32', 4)] }, binary })
  expect(plain).toMatchObject({ status: 200, type: 'application/json; charset=utf-8', body: { outputs: [{ name: 'y', data: [null] }] } })
  const packed = await send({ json: { inputs: [input('x', [1], 'FP32', 4)], parameters: { binary_data_output: true } }, binary })
  expect(packed.binary).toEqual(Buffer.from(Float64Array.of(Number.NaN).buffer))
})

test('JSON alone may ask for binary outputs, and its header may say that nothing follows', async () => {
  const { send } = await serve('{ name: x, type: number }', '{ name: y, kind: regression }')
  const json = { inputs: [{ name: 'x', shape: [1], datatype: 'FP64', data: [2] }], parameters: { binary_data_output: true } }
  for (const sent of [{ length: null, type: 'application/json' }, {}]) {
    expect((await send({ json, ...sent })).binary).toEqual(Buffer.from(Float64Array.of(2).buffer))
  }
})

test('a matrix of every numeric type, and what it holds', async () => {
  const { send, seen } = await serve('{ name: a, type: number }, { name: b, type: number }', '{ name: y, kind: regression }', ([a]) => [a!])
  const cases = [
    { datatype: 'INT8', bytes: Int8Array.of(-128, 127), want: [-128, 127] },
    { datatype: 'UINT16', bytes: Uint16Array.of(0, 65535), want: [0, 65535] },
    { datatype: 'INT64', bytes: BigInt64Array.of(-5n, 2n ** 53n - 1n), want: [-5, 2 ** 53 - 1] },
    // 1 is 0x3c00; the smallest of all 0x0001, 2⁻²⁴ (IEEE 754).
    { datatype: 'FP16', bytes: Uint16Array.of(0xbc00, 0x0001), want: [-1, 2 ** -24] },
    { datatype: 'FP32', bytes: Float32Array.of(0.1, -0), want: [Math.fround(0.1), -0] },
    { datatype: 'FP64', bytes: Float64Array.of(0.1, 5e-324), want: [0.1, 5e-324] },
  ]
  for (const { datatype, bytes, want } of cases) {
    const { status } = await send({ json: { inputs: [input('x', [1, 2], datatype, bytes.byteLength)] }, binary: Buffer.from(bytes.buffer) })
    expect([datatype, status, ...seen.at(-1)!.map((column) => column[0])]).toEqual([datatype, 200, ...want])
  }
})

const one = { inputs: [input('x', [2], 'FP32', 8)] }
const eight = new Uint8Array(8)
test.for([
  { why: 'a header of words', sent: { json: one, binary: eight, length: 'all' }, want: 'must be the length of the JSON' },
  { why: 'a header of nothing', sent: { json: one, binary: eight, length: '0' }, want: 'from 1 to the' },
  { why: 'a header beyond the body', sent: { json: one, binary: eight, length: '4000' }, want: 'got "4000"' },
  { why: 'a header of many digits', sent: { json: one, binary: eight, length: '9'.repeat(30) }, want: 'must be the length of the JSON' },
  { why: 'a header that cuts the JSON', sent: { json: one, binary: eight, length: '5' }, want: 'the body is not JSON' },
  { why: 'a header that takes in data', sent: { json: `${JSON.stringify(one)}  `, length: '200' }, want: 'from 1 to the' },
  { why: 'no header', sent: { json: one, binary: eight, length: null }, want: 'the body is not JSON' },
  {
    why: 'a short body',
    sent: { json: one, binary: new Uint8Array(7) },
    want: 'x: binary_data_size is 8, but of the body 7 bytes are left',
  },
  { why: 'a long body', sent: { json: one, binary: new Uint8Array(9) }, want: '1 bytes are left behind the data of all inputs' },
  {
    why: 'another size than the shape says',
    sent: { json: { inputs: [input('x', [3], 'FP32', 8)] }, binary: eight },
    want: 'x: 3 values of FP32 are 12 bytes, binary_data_size is 8',
  },
  {
    why: 'a shape beyond all memory',
    sent: { json: { inputs: [input('x', [2 ** 40, 2 ** 40], 'FP64', 8)] }, binary: eight },
    want: 'binary_data_size is 8',
  },
  {
    why: 'a size that is none',
    sent: { json: { inputs: [input('x', [2], 'FP32', -8)] }, binary: eight },
    want: 'must be a number of bytes',
  },
  {
    why: 'a size in words',
    sent: { json: { inputs: [input('x', [2], 'FP32', '8' as never)] }, binary: eight },
    want: 'must be a number of bytes',
  },
  {
    why: 'data in both places',
    sent: { json: { inputs: [{ ...input('x', [2], 'FP32', 8), data: [1, 2] }] }, binary: eight },
    want: 'x has data and binary_data_size',
  },
  {
    why: 'data in neither',
    sent: { json: { inputs: [{ name: 'x', shape: [2], datatype: 'FP32' }] } },
    want: 'the data of x must be a list',
  },
  {
    why: 'shared memory',
    sent: { json: { inputs: [{ name: 'x', shape: [2], datatype: 'FP32', parameters: { shared_memory_region: 'r' } }] } },
    want: 'x: shared memory is not supported',
  },
  {
    why: 'a flag that is none',
    sent: { json: { ...one, parameters: { binary_data_output: 1 } }, binary: eight },
    want: 'binary_data_output must be true or false',
  },
  {
    why: 'a flag of an output that is none',
    sent: { json: { ...one, outputs: [{ name: 'y', parameters: { binary_data: 'yes' } }] }, binary: eight },
    want: 'y: binary_data must be true or false',
  },
  {
    why: 'NaN',
    sent: { json: one, binary: new Uint8Array(Float32Array.of(1, Number.NaN).buffer) },
    want: 'row 1, x must be a finite number',
  },
  {
    why: 'a 64-bit integer that a number does not hold',
    sent: { json: { inputs: [input('x', [1], 'INT64', 8)] }, binary: new Uint8Array(BigInt64Array.of(2n ** 53n).buffer) },
    want: 'x, datum 0: 9007199254740992 is more than the model holds exactly',
  },
])('$why is a 400 that says so', async ({ sent, want }) => {
  const { send, seen } = await serve('{ name: x, type: number }', '{ name: y, kind: regression }')
  const { status, body } = await send(sent)
  expect(body).toEqual({ error: expect.stringContaining(want) })
  expect([status, seen]).toEqual([400, []])
})

test.for([
  { why: 'an element that goes on behind the end', bytes: Buffer.concat([Buffer.from([9, 0, 0, 0]), Buffer.from('abc')]), count: 1 },
  { why: 'a length that is cut', bytes: Buffer.from([1, 0]), count: 1 },
  { why: 'fewer than the shape says', bytes: elements('a'), count: 2 },
  { why: 'more than the shape says', bytes: elements('a', 'b'), count: 1 },
  { why: 'a length of four gigabytes', bytes: Buffer.from([255, 255, 255, 255, 0]), count: 1 },
  { why: 'more elements than any memory holds', bytes: Buffer.alloc(8), count: 2 ** 40 },
])('BYTES: $why is refused', ({ bytes, count }) => {
  const elements = { datatype: datatypes.get('BYTES')!, datatypeName: 'BYTES', count, shown: 'x' }
  expect(() => new BinaryData(bytes).read(bytes.length, elements)).toThrow(`x: its ${bytes.length} bytes are not ${count} elements`)
})

test.for([
  {
    why: 'text that is not UTF-8',
    features: '{ name: x, type: category }',
    binary: elements(Buffer.from([0xc3])),
    datatype: 'BYTES',
    want: 'x, datum 0: text must be UTF-8',
  },
  {
    why: 'a boolean of two',
    features: '{ name: x, type: boolean }',
    binary: Buffer.from([2]),
    datatype: 'BOOL',
    want: 'x: a BOOL of binary data is one byte, 1 or 0',
  },
  {
    why: 'bytes that are no picture',
    features: '{ name: x, type: image }',
    binary: elements('%PDF-1.7'),
    datatype: 'BYTES',
    want: 'x must be a picture',
  },
  {
    why: 'a picture of no bytes',
    features: '{ name: x, type: image }',
    binary: elements(''),
    datatype: 'BYTES',
    want: 'x must be a picture',
  },
])('$why is refused', async ({ features, binary, datatype, want }) => {
  const { send } = await serve(features, '{ name: y, kind: value, type: text }')
  const { status, body } = await send({ json: { inputs: [input('x', [1], datatype, binary.length)] }, binary })
  expect([status, body]).toEqual([400, { error: expect.stringContaining(want) }])
})

test('whatever stands in the JSON’s place or behind it is answered, never a fault of ours', async () => {
  const { send } = await serve('{ name: x, type: number }, { name: s, type: category }', '{ name: y, kind: regression }', ([x]) => [x!])
  const shape = fc.array(fc.oneof(fc.nat(3), fc.constant(2 ** 50)), { maxLength: 3 })
  const size = fc.oneof(fc.nat(40), fc.constantFrom(-1, 1.5, 2 ** 60))
  const tensor = fc.record({
    name: fc.constantFrom('x', 's', 'm'),
    shape,
    datatype: fc.constantFrom(...datatypes.keys()),
    parameters: fc.record({ binary_data_size: size }),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.array(tensor, { maxLength: 3 }),
      fc.uint8Array({ maxLength: 60 }),
      fc.option(fc.nat(300), { nil: undefined, freq: 3 }),
      async (inputs, binary, length) => {
        const { status } = await send({ json: { inputs }, binary, ...(length === undefined ? {} : { length: String(length) }) })
        expect([200, 400]).toContain(status)
      },
    ),
    { numRuns: 300 },
  )
})
