import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Column } from '../../../../watch/index.ts'
import { pack, unpack } from './pack.ts'

const column: fc.Arbitrary<Column> = fc.oneof(
  fc.array(fc.double()).map((values) => Float64Array.from(values)),
  fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map((values) => BigInt64Array.from(values)),
  fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })).map((values) => BigUint64Array.from(values)),
  fc.array(fc.string()),
  fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1 }),
)

test('columns come out of a message as they went in, and stay the caller’s', () => {
  const property = fc.property(fc.array(column), (values) => {
    const before = structuredClone(values)
    const { buffer, ...rest } = pack({ rows: 3, values })
    const message = structuredClone({ ...rest, buffer }, { transfer: [buffer] })
    expect(unpack(message)).toEqual({ rows: 3, values: before })
    expect(values).toEqual(before)
  })
  fc.assert(property, { numRuns: 200 })
})

test('a picture is carried without what else its buffer holds, and comes out in one of its own', () => {
  const pool = new Uint8Array(8192).fill(7)
  const packed = pack({ rows: 2, values: [[pool.subarray(10, 13), pool.subarray(100, 101)]] })
  expect(packed.buffer.byteLength).toBe(4)
  const [pictures] = unpack(packed).values as unknown as [Uint8Array[]]
  expect(pictures.map(({ buffer, length }) => [buffer.byteLength, length])).toEqual([
    [3, 3],
    [1, 1],
  ])
})
