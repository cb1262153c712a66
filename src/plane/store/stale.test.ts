import { expect, test } from 'vitest'
import { isStaleMarker, STALE_NAN_BITS, writeStaleMarker } from './stale.ts'

test('a marker is told from every other value, and survives copies of columns', () => {
  const values = new Float64Array([1, Number.NaN, 0, Number.POSITIVE_INFINITY])
  writeStaleMarker(values, 2)
  const copied = new Float64Array(4)
  copied.set(values.subarray(0))
  for (const column of [values, copied, values.slice()]) {
    expect([0, 1, 2, 3].map((i) => isStaleMarker(column, i))).toEqual([false, false, true, false])
  }
  expect(isStaleMarker(values.subarray(2), 0)).toBe(true)
  expect(new BigUint64Array(values.buffer)[2]).toBe(STALE_NAN_BITS)
})
