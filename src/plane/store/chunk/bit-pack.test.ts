import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bitLength, pack, packedBytes, unpack, widthMax } from './bit-pack.ts'
import { ByteSink } from './byte-sink.ts'
import { ByteSource } from './byte-source.ts'

test.for([
  [0, 0],
  [1, 1],
  [255, 8],
  [256, 9],
  [2 ** 31, 32],
  [2 ** 32 - 1, 32],
  [2 ** 32, 33],
  [2 ** 53 - 1, 53],
  [2 ** 53, 54],
] as const)('%d has %i bits', ([value, bits]) => expect(bitLength(value)).toBe(bits))

test('numbers of any width come back, in the bytes that were foretold, with nothing read behind them', () => {
  for (let width = 0; width <= widthMax; width++) {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 ** width - 1 }), { minLength: 1, maxLength: 70 }),
        fc.integer({ min: -1000, max: 1000 }),
        (offsets, base) => {
          const numbers = Float64Array.of(99, ...offsets.map((offset) => offset + base))
          fc.pre(offsets.every((offset, i) => numbers[i + 1]! - base === offset))
          const sink = new ByteSink(16)
          pack(numbers, 1, offsets.length, base, width, sink)
          expect(sink.length).toBe(packedBytes(offsets.length, width))
          const source = new ByteSource()
          source.reset(sink.bytes.slice(0, sink.length), 0, sink.length)
          const into = new Float64Array(offsets.length + 2).fill(-1)
          unpack(source, offsets.length, width, into, 1)
          expect(Array.from(into)).toEqual([-1, ...offsets, -1])
          expect(source.at).toBe(source.end)
        },
      ),
      { numRuns: 40 },
    )
  }
})
