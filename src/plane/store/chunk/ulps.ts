import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'
import { readColumn, writeColumn } from './column.ts'
import { ColumnPlan, planColumn } from './column-plan.ts'
import { OddValues } from './odd-values.ts'
import { chunkSamplesMax, HIGH, integerLimit, LOW, tooMany, values, words } from './workspace.ts'

/**
 * Doubles as integers: how many units of the last place a value's bits are from those of the first, trailing zeros that all share cut off (a
 * 32-bit float has 29 of them). As long as that is an exact integer, it is a column like any other.
 */
const distances = new Float64Array(chunkSamplesMax)
const plan = new ColumnPlan()
export const ulpsOdd = new OddValues()
let shift = 0
let first = 0

const EXCEPTIONS = 0x40
const TWO_32 = 2 ** 32

/** @returns About the bits the values take; Infinity when they lie too far apart. */
export function planUlps(count: number): number {
  first = 0
  while (first < count && !isUsual(first)) first++
  if (first === count) return Number.POSITIVE_INFINITY
  shift = sharedZeros(count)
  const high = words[2 * first + HIGH]!
  const low = words[2 * first + LOW]!
  const highScale = 2 ** (32 - shift)
  const lowScale = 2 ** -shift
  ulpsOdd.clear()
  for (let i = 0; i < count; i++) {
    const distance = (words[2 * i + HIGH]! - high) * highScale + (words[2 * i + LOW]! - low) * lowScale
    // A NaN or an infinity may lack the zeros that the others share. A zero has them, and may even be near.
    distances[i] = distance
    if (!(Math.abs(distance) < integerLimit && Number.isFinite(values[i]!))) {
      ulpsOdd.add(words, i)
      if (tooMany(ulpsOdd.raw, i) || ulpsOdd.count > count >> 1) return Number.POSITIVE_INFINITY
    }
  }
  ulpsOdd.bridge(distances, count)
  planColumn(distances, count, plan)
  return 72 + plan.costBits + ulpsOdd.costBits
}

export function writeUlps(count: number, sink: ByteSink): void {
  sink.putU8(shift | (plan.exceptions > 0 ? EXCEPTIONS : 0))
  sink.putU32(words[2 * first + LOW]!)
  sink.putU32(words[2 * first + HIGH]!)
  writeColumn(plan, distances, count, sink)
}

/** @param words - Of `into`, from `at` on. */
export function readUlps(source: ByteSource, count: number, into: Float64Array, at: number, words: Uint32Array): void {
  const head = source.u8()
  if (head >= 0x80) throw source.damage(`units of the last place of head ${head}`)
  const low = source.u32()
  const high = source.u32()
  const unit = 2 ** (head & 0x3f)
  readColumn(source, count, (head & EXCEPTIONS) !== 0, into, at)
  for (let i = 0; i < count; i++) {
    const sum = into[at + i]! * unit + low
    const carry = Math.floor(sum / TWO_32)
    words[2 * i + LOW] = sum - carry * TWO_32
    words[2 * i + HIGH] = high + carry
  }
}

/** Trailing zero bits of all usual values. */
function sharedZeros(count: number): number {
  let low = 0
  let high = 0
  for (let i = 0; i < count; i++) {
    if (!isUsual(i)) continue
    low |= words[2 * i + LOW]!
    high |= words[2 * i + HIGH]!
  }
  const bits = low === 0 ? high : low
  return (low === 0 ? 32 : 0) + 31 - Math.clz32(bits & -bits)
}

/** Finite and not zero: the bits of the others are far from those of any number nearby. */
function isUsual(i: number): boolean {
  return Number.isFinite(values[i]!) && values[i] !== 0
}
