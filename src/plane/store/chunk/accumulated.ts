import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'
import { readColumn, writeColumn } from './column.ts'
import { ColumnPlan, planColumn, residuals } from './column-plan.ts'
import { OddValues } from './odd-values.ts'
import { chunkSamplesMax, HIGH, integerLimit, LOW, powersOfTen, single, singleWords, tooMany, values, words } from './workspace.ts'

/**
 * Sums of decimals, as counters of seconds are: 0.1 + 0.2 is no decimal any more, but it is what the addition of two decimals gives. Each value
 * is the one before it plus increment / 10^e in floating point, plus a correction, a small multiple of a power of two that all corrections share
 * (a unit of the last place, mostly): none where the program added once between two samples, a few units where it added often.
 */
const increments = new Float64Array(chunkSamplesMax)
const corrections = new Float64Array(chunkSamplesMax)
const incrementPlan = new ColumnPlan()
const correctionPlan = new ColumnPlan()
export const accumulatedOdd = new OddValues()
let exponent = 0
let first = 0
/** The corrections' unit is 2^unitExponent. */
let unitExponent = 0
let corrected = false

const CORRECTED = 0x20
const EXCEPTIONS = 0x40
const CORRECTION_EXCEPTIONS = 0x80
const EXPONENT_MAX = 15
const PROBES = 8
/** A correction beside its value: 2^-44 is 256 units of the last place. */
const PROBE_RATIO_MAX = 2 ** -44
const RATIO_MAX = 2 ** -32
/** Finer decimals than this are so near to each other that any value is one, and nothing is gained. */
const PROBE_MANTISSA_MAX = 2 ** 42
/** Of a double: its least, and the most that is still below the last place of any counter. */
const UNIT_EXPONENT_MIN = -1022
const UNIT_EXPONENT_MAX = 1023

/** @returns About the bits the values take; Infinity when they are no such sums. */
export function planAccumulated(count: number): number {
  exponent = count < 3 ? -1 : probe(count)
  if (exponent < 0 || !toIncrements(count)) return Number.POSITIVE_INFINITY
  planColumn(increments, count - 1, incrementPlan)
  const bits = 72 + incrementPlan.costBits + accumulatedOdd.costBits
  if (!corrected) return bits
  const unit = 2 ** unitExponent
  for (let i = 0; i < count - 1; i++) {
    corrections[i] = corrections[i]! / unit
    if (Math.abs(corrections[i]!) >= integerLimit) return Number.POSITIVE_INFINITY
  }
  planColumn(corrections, count - 1, correctionPlan)
  return bits + 16 + correctionPlan.costBits
}

export function writeAccumulated(count: number, sink: ByteSink): void {
  sink.putU8(
    exponent |
      (corrected ? CORRECTED : 0) |
      (incrementPlan.exceptions > 0 ? EXCEPTIONS : 0) |
      (corrected && correctionPlan.exceptions > 0 ? CORRECTION_EXCEPTIONS : 0),
  )
  sink.putU32(words[2 * first + LOW]!)
  sink.putU32(words[2 * first + HIGH]!)
  writeColumn(incrementPlan, increments, count - 1, sink)
  if (!corrected) return
  sink.putSignedVarint(unitExponent)
  writeColumn(correctionPlan, corrections, count - 1, sink)
}

export function readAccumulated(source: ByteSource, count: number, into: Float64Array, at: number): void {
  const head = source.u8()
  const e = head & 0x1f
  if (e > EXPONENT_MAX || count < 2) throw source.damage(`sums of decimals of head ${head}, ${count} samples`)
  const power = powersOfTen[e]!
  singleWords[LOW] = source.u32()
  singleWords[HIGH] = source.u32()
  let value = single[0]!
  readColumn(source, count - 1, (head & EXCEPTIONS) !== 0, into, at + 1)
  into[at] = value
  if ((head & CORRECTED) === 0) {
    for (let i = at + 1; i < at + count; i++) {
      value += into[i]! / power
      into[i] = value
    }
    return
  }
  const unitPower = source.signedVarint()
  if (unitPower < UNIT_EXPONENT_MIN || unitPower > UNIT_EXPONENT_MAX) throw source.damage(`corrections in units of 2^${unitPower}`)
  const unit = 2 ** unitPower
  readColumn(source, count - 1, (head & CORRECTION_EXCEPTIONS) !== 0, residuals, 0)
  for (let i = 1; i < count; i++) {
    value = value + into[at + i]! / power + residuals[i - 1]! * unit
    into[at + i] = value
  }
}

/** Fills increments, corrections and their unit. @returns Whether few enough are left over. */
function toIncrements(count: number): boolean {
  const power = powersOfTen[exponent]!
  accumulatedOdd.clear()
  corrected = false
  unitExponent = UNIT_EXPONENT_MAX
  first = 0
  while (first < count && !isOrdinary(first)) accumulatedOdd.add(words, first++)
  if (first === count) return false
  increments.fill(0, 0, first)
  corrections.fill(0, 0, first)
  let before = values[first]!
  for (let i = first + 1; i < count; i++) {
    const value = values[i]!
    const increment = Math.round((value - before) * power)
    const guess = before + increment / power
    const correction = value - guess
    const near = Math.abs(correction) <= Math.abs(value) * RATIO_MAX && Math.abs(increment) < integerLimit
    // What is read back is exact, or the value is odd.
    if (near && guess + correction === value && isOrdinary(i) && noteUnit(correction)) {
      increments[i - 1] = increment
      corrections[i - 1] = correction
      before = value
    } else {
      accumulatedOdd.add(words, i)
      if (tooMany(accumulatedOdd.raw, i)) return false
      increments[i - 1] = 0
      corrections[i - 1] = 0
    }
  }
  return true
}

/** The least exponent at which increments spread over the chunk nearly give the next value; -1 when there is none. */
function probe(count: number): number {
  for (let e = 1; e <= EXPONENT_MAX; e++) {
    const power = powersOfTen[e]!
    let fitting = 0
    for (let k = 0; k < PROBES; k++) {
      const i = 1 + Math.floor((k * (count - 2)) / (PROBES - 1))
      const before = values[i - 1]!
      const value = values[i]!
      if (!isOrdinary(i) || !isOrdinary(i - 1)) continue // Says nothing.
      if (Math.abs(value) * power > PROBE_MANTISSA_MAX) return -1
      const guess = before + Math.round((value - before) * power) / power
      if (Math.abs(value - guess) > Math.abs(value) * PROBE_RATIO_MAX) break
      fitting++
    }
    if (fitting >= PROBES / 2) return e
  }
  return -1
}

/** Makes the unit fine enough for a correction: its lowest bit. @returns Whether that could be done. */
function noteUnit(correction: number): boolean {
  if (correction === 0) return true
  single[0] = correction
  const low = singleWords[LOW]!
  const high = singleWords[HIGH]!
  const power = (high >>> 20) & 0x7ff
  const zeros = low !== 0 ? zerosBehind(low) : (high & 0xfffff) !== 0 ? 32 + zerosBehind(high) : 52
  const lowest = power - 1075 + zeros
  if (power === 0 || lowest < UNIT_EXPONENT_MIN) return false
  if (lowest < unitExponent) unitExponent = lowest
  corrected = true
  return true
}

function zerosBehind(bits: number): number {
  return 31 - Math.clz32(bits & -bits)
}

/** Finite, and not -0, which no addition gives. */
function isOrdinary(i: number): boolean {
  return Number.isFinite(values[i]!) && !Object.is(values[i], -0)
}
