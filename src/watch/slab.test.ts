import { expect, test } from 'vitest'
import { type ArrayKind, zerosOf } from './slab.ts'

const kinds: Record<string, ArrayKind<Float64Array | Float32Array | BigInt64Array | Int16Array | Uint8Array>> = {
  Float64Array,
  Float32Array,
  BigInt64Array,
  Int16Array,
  Uint8Array,
}

test('arrays of all kinds and lengths, over many slabs, begin as zeros and keep what is written to them', () => {
  const written: { array: ArrayLike<number | bigint>; value: number | bigint }[] = []
  for (let i = 0; i < 3000; i++) {
    const Kind = Object.values(kinds)[i % 5]!
    const array = zerosOf(Kind, (i * 7) % 61)
    const zero = array instanceof BigInt64Array ? 0n : 0
    expect(Array.from(array as ArrayLike<unknown>).every((element) => element === zero)).toBe(true)
    const value = array instanceof BigInt64Array ? BigInt(i % 100) + 1n : (i % 100) + 1
    array.fill(value as never)
    written.push({ array: array as never, value })
  }
  const changed = written.filter(({ array, value }) => Array.from(array).some((element) => element !== value))
  expect(changed).toEqual([])
})

test.for(Object.entries(kinds))('%s: short ones share, long ones do not, and none has no length', ([, Kind]) => {
  const shares = (length: number) => zerosOf(Kind, length).buffer.byteLength > length * Kind.BYTES_PER_ELEMENT
  expect(shares(2048 / Kind.BYTES_PER_ELEMENT)).toBe(true)
  expect(shares(2048 / Kind.BYTES_PER_ELEMENT + 1)).toBe(false)
  expect(zerosOf(Kind, 0)).toHaveLength(0)
})
