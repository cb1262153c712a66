import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteSink } from './byte-sink.ts'
import { ByteSource } from './byte-source.ts'
import { bitsOf, columnOf } from './testing.ts'

function sourceOf(sink: ByteSink): ByteSource {
  const source = new ByteSource()
  source.reset(sink.bytes, 0, sink.length)
  return source
}

test('whatever is put comes back, in order', () => {
  const integer = fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(2 ** 53))
  const put = fc.oneof(
    fc.record({ kind: fc.constant('u8' as const), value: fc.nat(255) }),
    fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }),
    fc.record({ kind: fc.constant('varint' as const), value: integer }),
    fc.record({
      kind: fc.constant('signed' as const),
      value: fc.tuple(integer, fc.boolean()).map(([value, minus]) => (minus && value > 0 ? -value : value)),
    }),
  )
  fc.assert(
    fc.property(fc.array(put, { maxLength: 60 }), (puts) => {
      const sink = new ByteSink(1)
      for (const { kind, value } of puts) {
        if (kind === 'u8') sink.putU8(value)
        else if (kind === 'u32') sink.putU32(value)
        else if (kind === 'varint') sink.putVarint(value)
        else sink.putSignedVarint(value)
      }
      const source = sourceOf(sink)
      const read = { u8: () => source.u8(), u32: () => source.u32(), varint: () => source.varint(), signed: () => source.signedVarint() }
      expect(puts.map(({ kind }) => read[kind]())).toEqual(puts.map(({ value }) => value))
      expect(source.at).toBe(source.end)
    }),
  )
})

test('a double is put by its bits', () => {
  const column = columnOf([0x7ff0000000000002n, 0xfff4000000000123n, -0, 1.5])
  const sink = new ByteSink(1)
  for (let i = 0; i < column.length; i++) sink.putF64(column, i)
  expect(bitsOf(new Float64Array(sink.bytes.slice(0, sink.length).buffer))).toEqual(bitsOf(column))
})

test.for([
  { why: 'more than 2^53', bytes: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f] },
  { why: 'nine bytes', bytes: [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0] },
  { why: 'no end', bytes: [0x80] },
])('no varint: $why', ({ bytes }) => {
  for (const read of ['varint', 'signedVarint'] as const) {
    const source = new ByteSource()
    const padded = Uint8Array.from(read === 'varint' ? bytes : [0x80, ...bytes])
    source.reset(padded, 0, padded.length)
    expect(() => source[read]()).toThrow(expect.objectContaining({ code: 'MW_STORE_CHUNK' }))
  }
})
