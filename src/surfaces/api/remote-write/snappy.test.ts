import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SnappyDecoder } from './snappy.ts'
import { snappyCompress, snappyLiterals } from './testing.ts'

const MIB = 1 << 20
/** Small blocks are unpacked at once. */
function decode(bytes: readonly number[] | Uint8Array, bytesMax = MIB): Uint8Array {
  const content = new SnappyDecoder().decode(Uint8Array.from(bytes), bytesMax)
  assert(!(content instanceof Promise))
  return content
}
const text = (content: string) => [...Buffer.from(content)]

test.for([
  { why: 'nothing', block: [0], want: '' },
  { why: 'a literal', block: [3, 0b1000, ...text('abc')], want: 'abc' },
  { why: 'a literal whose length takes a byte', block: [61, 60 << 2, 60, ...text('x'.repeat(61))], want: 'x'.repeat(61) },
  { why: 'a literal whose length takes four', block: [2, 63 << 2, 1, 0, 0, 0, ...text('ab')], want: 'ab' },
  { why: 'a copy with an offset of 11 bits', block: [8, 0b1100, ...text('abcd'), 0b00000001, 4], want: 'abcdabcd' },
  { why: 'a copy with an offset of 2 bytes', block: [5, 0b1000, ...text('abc'), 0b00000110, 3, 0], want: 'abcab' },
  { why: 'a copy with an offset of 4 bytes', block: [5, 0b1000, ...text('abc'), 0b00000111, 3, 0, 0, 0], want: 'abcab' },
  { why: 'a copy that reads what it writes', block: [10, 0b0000, ...text('a'), (8 << 2) | 2, 1, 0], want: 'a'.repeat(10) },
])('$why', ({ block, want }) => expect(Buffer.from(decode(block)).toString()).toBe(want))

test.for([
  { why: 'nothing at all', block: [] },
  { why: 'a length that does not end', block: [255, 255, 255] },
  { why: 'a length beyond 32 bits', block: [255, 255, 255, 255, 255, 1] },
  { why: 'a literal that is cut off', block: [3, 0b1000, 1, 2] },
  { why: 'a literal whose length is cut off', block: [3, 61 << 2, 1] },
  { why: 'a literal longer than was announced', block: [1, 0b1000, 1, 2, 3] },
  { why: 'less than was announced', block: [4, 0b1000, 1, 2, 3] },
  { why: 'a copy from before the beginning', block: [8, 0b1100, 1, 2, 3, 4, 0b00000001, 5] },
  { why: 'a copy from itself', block: [8, 0b1100, 1, 2, 3, 4, 0b00000001, 0] },
  { why: 'a copy past the end', block: [5, 0b1100, 1, 2, 3, 4, 0b00000001, 4] },
  { why: 'a copy that is cut off', block: [8, 0b1100, 1, 2, 3, 4, 0b00000010, 4] },
  { why: 'a length no block of this size can have', block: [255, 255, 63, 0, 1] },
])('$why is refused', ({ block }) => {
  expect(() => decode(block)).toThrow(expect.objectContaining({ code: 'MW_REMOTE_WRITE_BODY' }))
})

test('what is larger than allowed is refused by its head', () => {
  const large = snappyCompress(new Uint8Array(2000))
  expect(() => decode(large, 1999)).toThrow(expect.objectContaining({ code: 'MW_REMOTE_WRITE_TOO_LARGE' }))
  expect(decode(large, 2000)).toHaveLength(2000)
})

test('what was packed is unpacked, also into a buffer that was used before', () => {
  const decoder = new SnappyDecoder()
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 1, 7, 255), { maxLength: 400 }), fc.integer({ min: 1, max: 300 }), (bytes, literalBytes) => {
      const content = Uint8Array.from(bytes)
      expect(decoder.decode(snappyCompress(content), MIB)).toEqual(content)
      expect(decoder.decode(snappyLiterals(content, literalBytes), MIB)).toEqual(content)
    }),
  )
})

test('a buffer that was taken is not written to again', async () => {
  const decoder = new SnappyDecoder()
  const first = decoder.decode(Uint8Array.from([2, 0b100, 1, 2]), MIB)
  decoder.take()
  decoder.decode(Uint8Array.from([2, 0b100, 3, 4]), MIB)
  expect([...(await first)]).toEqual([1, 2])
})

test('a long block is unpacked in turns, and is the same', async () => {
  const content = Uint8Array.from({ length: 5 * MIB }, (_, i) => (i % 1000 < 500 ? i >> 8 : i % 7))
  for (const block of [snappyCompress(content), snappyLiterals(content), snappyLiterals(content, 3 * MIB)]) {
    const decoder = new SnappyDecoder()
    const unpacking = decoder.decode(block, 10 * MIB)
    expect(unpacking).toBeInstanceOf(Promise)
    let turns = 0
    let isDone = false
    const count = () => {
      if (isDone) return
      turns++
      setImmediate(count) // Comes to its turn once in each round of the event loop, however fast the machine.
    }
    setImmediate(count)
    decoder.decode(Uint8Array.from([2, 0b100, 3, 4]), MIB) // Another request comes in between.
    expect(Buffer.compare(await unpacking, content)).toBe(0)
    isDone = true
    expect(turns).toBeGreaterThanOrEqual(3) // Five MiB, about one at a time.
  }
  await expect(new SnappyDecoder().decode(snappyLiterals(content).subarray(0, -1), 10 * MIB)).rejects.toMatchObject({
    code: 'MW_REMOTE_WRITE_BODY',
  })
})
