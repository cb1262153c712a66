import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'
import { readColumn, writeColumn } from './column.ts'
import { ColumnPlan, planColumn } from './column-plan.ts'
import { OddValues } from './odd-values.ts'
import { chunkSamplesMax, integerLimit, powersOfTen, tooMany, values, words } from './workspace.ts'

/**
 * Decimals: value = mantissa / 10^e, the same e for all, exactly. Mantissas are a column of integers; where they share a factor (pages of 4096
 * bytes, steps of a quarter), it is taken out.
 */
const mantissas = new Float64Array(chunkSamplesMax)
const plan = new ColumnPlan()
export const decimalOdd = new OddValues()
let exponent = 0
let factor = 1
let origin = 0
/** Values of far more digits than those before them. */
let longer = 0

const FACTOR = 0x20
const EXCEPTIONS = 0x40
const EXPONENT_MAX = powersOfTen.length - 1

/** @returns About the bits the values take; Infinity when they are no decimals. */
export function planDecimal(count: number): number {
  if (!toMantissas(count, true) && !(longer > longerMax(count) && toMantissas(count, false))) return Number.POSITIVE_INFINITY
  factor = count < 8 ? 1 : commonFactor(count)
  if (factor > 1) {
    origin = mantissas[0]!
    for (let i = 0; i < count; i++) mantissas[i] = (mantissas[i]! - origin) / factor
  }
  decimalOdd.bridge(mantissas, count)
  planColumn(mantissas, count, plan)
  return 8 + (factor > 1 ? 48 : 0) + plan.costBits + decimalOdd.costBits
}

export function writeDecimal(count: number, sink: ByteSink): void {
  sink.putU8(exponent | (factor > 1 ? FACTOR : 0) | (plan.exceptions > 0 ? EXCEPTIONS : 0))
  if (factor > 1) {
    sink.putVarint(factor)
    sink.putSignedVarint(origin)
  }
  writeColumn(plan, mantissas, count, sink)
}

export function readDecimal(source: ByteSource, count: number, into: Float64Array, at: number): void {
  const head = source.u8()
  const e = head & 0x1f
  if (head >= 0x80 || e > EXPONENT_MAX) throw source.damage(`decimals of head ${head}`)
  const power = powersOfTen[e]!
  const end = at + count
  if ((head & FACTOR) !== 0) {
    const step = source.varint()
    const start = source.signedVarint()
    readColumn(source, count, (head & EXCEPTIONS) !== 0, into, at)
    for (let i = at; i < end; i++) into[i] = (start + step * into[i]!) / power
  } else {
    readColumn(source, count, (head & EXCEPTIONS) !== 0, into, at)
    if (e > 0) for (let i = at; i < end; i++) into[i] = into[i]! / power
  }
}

/**
 * Finds the smallest exponent at which the values are integers; what a larger one makes exact, it keeps exact.
 *
 * @param tolerant - A value of far more digits than those before it is taken for odd instead of widening all others; not many such.
 * @returns Whether few enough are left over.
 */
function toMantissas(count: number, tolerant: boolean): boolean {
  exponent = 0
  decimalOdd.clear()
  let power = 1
  longer = 0
  for (let i = 0; i < count; i++) {
    const value = values[i]!
    const mantissa = Math.round(value * power)
    if (mantissa / power === value && Math.abs(mantissa) < integerLimit && (mantissa !== 0 || 1 / value > 0)) {
      mantissas[i] = mantissa
      continue
    }
    const needed = exponentOf(value, exponent + 1)
    if (needed > 0 && !(tolerant && i >= 8 && needed > exponent + 3)) {
      exponent = needed
      power = powersOfTen[needed]!
      decimalOdd.clear()
      longer = 0
      i = -1 // Once more from the start; at most as often as there are exponents.
      continue
    }
    if (needed > 0 && ++longer > longerMax(count)) return false
    decimalOdd.add(words, i)
    mantissas[i] = i === 0 ? Number.NaN : mantissas[i - 1]!
    if (tooMany(decimalOdd.raw, i)) return false
  }
  return fillStart(count)
}

function longerMax(count: number): number {
  return count >> 4
}

/** Odd values at the start take the mantissa of the first that is none: it costs nothing. */
function fillStart(count: number): boolean {
  let first = 0
  while (first < count && Number.isNaN(mantissas[first])) first++
  if (first === count) return false
  mantissas.fill(mantissas[first]!, 0, first)
  return true
}

/** @returns The least exponent from `from` on that makes the value an integer; -1 when none does. */
function exponentOf(value: number, from: number): number {
  for (let e = from; e <= EXPONENT_MAX; e++) {
    const power = powersOfTen[e]!
    const mantissa = Math.round(value * power)
    if (!(Math.abs(mantissa) < integerLimit) || value === 0) return -1
    if (mantissa / power === value) return e
  }
  return -1
}

/** The greatest common divisor of the differences; 1 when taking it out gains little. */
function commonFactor(count: number): number {
  let common = 0
  for (let i = 1; i < count; i++) {
    const difference = Math.abs(mantissas[i]! - mantissas[i - 1]!)
    if (difference === 0 || Math.floor(difference / common) * common === difference) continue
    common = divisor(difference, common)
    if (common < 4) return 1
  }
  // Where no differences or equal ones are left, they are packed in no bits with or without it.
  return common < 4 || steady(count) ? 1 : common
}

function steady(count: number): boolean {
  const step = mantissas[1]! - mantissas[0]!
  for (let i = 2; i < count; i++) if (mantissas[i]! - mantissas[i - 1]! !== step) return false
  return true
}

function divisor(a: number, b: number): number {
  let [larger, smaller] = [a, b]
  while (smaller > 0) {
    const rest = larger % smaller
    larger = smaller
    smaller = rest
  }
  return larger
}
