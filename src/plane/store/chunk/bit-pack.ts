import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'

/**
 * Unsigned integers of one width, side by side, low bits first. A width that one unaligned 32-bit read cannot cover is cut in planes: the low
 * 16 or 32 bits of all numbers, then what is above. Widths run from 0 (nothing is written) to 53, the integers a double holds.
 */
export const widthMax = 53

/** Widest number that fits in 32 bits together with the up to 7 bits before it. */
export const singleWidthMax = 25
const TWO_32 = 2 ** 32

/** Bits an integer in [0, 2^53] needs: 0 for 0. */
export function bitLength(value: number): number {
  return value < TWO_32 ? 32 - Math.clz32(value) : 64 - Math.clz32(value / TWO_32)
}

export function packedBytes(count: number, width: number): number {
  if (width <= singleWidthMax) return (count * width + 7) >>> 3
  const low = width <= 32 ? 16 : 32
  return (count * low) / 8 + ((count * (width - low) + 7) >>> 3)
}

/** Writes the low `width` bits of each integer `numbers[i] - base`, i in [from, from + count); those may be negative: two's complement is cut. */
export function pack(numbers: Float64Array, from: number, count: number, base: number, width: number, sink: ByteSink): void {
  if (width === 0) return
  sink.reserve(packedBytes(count, width) + 8)
  if (width <= singleWidthMax) {
    packPlane(numbers, from, count, base, 1, width, sink)
  } else if (width <= 32) {
    for (let i = from; i < from + count; i++) sink.putU16(numbers[i]! - base)
    packPlane(numbers, from, count, base, 0x10000, width - 16, sink)
  } else {
    for (let i = from; i < from + count; i++) sink.putU32(numbers[i]! - base)
    packPlane(numbers, from, count, base, TWO_32, width - 32, sink)
  }
}

/** Bits of `(number - base) / divisor`, rounded down; the width is at most 25. */
function packPlane(numbers: Float64Array, from: number, count: number, base: number, divisor: number, width: number, sink: ByteSink): void {
  const mask = 2 ** width - 1
  const start = sink.length
  let word = 0
  let shift = 0
  for (let i = from; i < from + count; i++) {
    const difference = numbers[i]! - base
    const bits = (divisor === 1 ? difference >>> 0 : Math.floor(difference / divisor) >>> 0) & mask
    word |= bits << shift
    shift += width
    if (shift >= 32) {
      sink.putU32(word)
      shift -= 32
      word = shift === 0 ? 0 : bits >>> (width - shift)
    }
  }
  if (shift > 0) sink.putU32(word)
  sink.length = start + ((count * width + 7) >>> 3)
}

/**
 * Reads `count` numbers of the width into `into[at...]`, as they were packed, without the base.
 * @throws MW_STORE_CHUNK when the source ends before.
 */
export function unpack(source: ByteSource, count: number, width: number, into: Float64Array, at: number): void {
  source.need(packedBytes(count, width))
  if (width <= singleWidthMax) {
    unpackPlane(source, count, width, into, at)
    return
  }
  const low = width <= 32 ? 16 : 32
  const view = source.view
  const lows = source.at
  source.at += (count * low) / 8
  unpackPlane(source, count, width - low, into, at)
  if (low === 16) for (let i = 0; i < count; i++) into[at + i] = into[at + i]! * 0x10000 + view.getUint16(lows + 2 * i, true)
  else for (let i = 0; i < count; i++) into[at + i] = into[at + i]! * TWO_32 + view.getUint32(lows + 4 * i, true)
}

/**
 * Reads numbers as `unpack` does, of at most 25 bits, and sums them up on the way: into[at] is `first`, each further one the one before plus
 * `base` plus the number packed. Most columns are this, and half as many reads and writes make them a fifth faster.
 */
export function unpackSums(
  source: ByteSource,
  count: number,
  width: number,
  base: number,
  first: number,
  into: Float64Array,
  at: number,
): void {
  const view = source.view
  const start = source.at
  const bytes = packedBytes(count, width)
  source.need(bytes)
  const mask = 2 ** width - 1
  const wide = at + 1 + wideCount(bytes, count, width)
  let number = first
  into[at] = number
  let bit = 0
  let i = at + 1
  for (; i < wide; i++, bit += width) {
    number += base + ((view.getInt32(start + (bit >>> 3), true) >>> (bit & 7)) & mask)
    into[i] = number
  }
  const word = lastWord(view, start + (bit >>> 3), start + bytes)
  for (bit &= 7; i <= at + count; i++, bit += width) {
    number += base + ((word >>> bit) & mask)
    into[i] = number
  }
  source.at = start + bytes
}

function unpackPlane(source: ByteSource, count: number, width: number, into: Float64Array, at: number): void {
  const view = source.view
  const start = source.at
  const bytes = (count * width + 7) >>> 3
  const mask = 2 ** width - 1
  const wide = at + wideCount(bytes, count, width)
  let bit = 0
  let i = at
  for (; i < wide; i++, bit += width) into[i] = (view.getInt32(start + (bit >>> 3), true) >>> (bit & 7)) & mask
  const word = lastWord(view, start + (bit >>> 3), start + bytes)
  for (bit &= 7; i < at + count; i++, bit += width) into[i] = (word >>> bit) & mask
  source.at = start + bytes
}

/** How many numbers, from the first on, can be read with 32 bits at a time without passing the end. */
function wideCount(bytes: number, count: number, width: number): number {
  if (width === 0 || bytes < 4) return 0
  return Math.min(count, Math.floor(((bytes - 4) * 8 + 7) / width) + 1)
}

/** The bytes from a place to the end, at most four, as one word: those that a read of 32 bits could not have without passing the end. */
function lastWord(view: DataView, place: number, end: number): number {
  let word = 0
  for (let i = place; i < end && i < place + 4; i++) word |= view.getUint8(i) << (8 * (i - place))
  return word
}
