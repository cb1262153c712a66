import { accumulatedOdd, planAccumulated, readAccumulated, writeAccumulated } from './accumulated.ts'
import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'
import { decimalOdd, planDecimal, readDecimal, writeDecimal } from './decimal.ts'
import { planHalves, readHalves, writeHalves } from './halves.ts'
import type { OddValues } from './odd-values.ts'
import { planUlps, readUlps, ulpsOdd, writeUlps } from './ulps.ts'
import { HIGH, LOW, words as planned } from './workspace.ts'

/** How the values of a chunk are written: three bits of its flags. */
const VALUES_CONSTANT = 0
const VALUES_DECIMAL = 1
const VALUES_ACCUMULATED = 2
const VALUES_ULPS = 3
const VALUES_HALVES = 4

/** Decimals of no more bits a sample are taken without looking at other modes: those would need them too. */
const DECIMAL_BITS_GOOD = 28
/** Halves are worth a look from here on: their low ones alone are 32 bits. */
const HALVES_BITS_MIN = 46

/** What is best for the values in the workspace. */
export interface ValuesPlan {
  mode: number
  costBits: number
  odd: OddValues | undefined
}

/** @param count - The first so many of the workspace. */
export function planValues(count: number, plan: ValuesPlan): void {
  plan.mode = VALUES_DECIMAL
  plan.costBits = planDecimal(count)
  plan.odd = decimalOdd
  if (plan.costBits <= count * DECIMAL_BITS_GOOD) return
  offer(plan, VALUES_ACCUMULATED, planAccumulated(count), accumulatedOdd)
  if (plan.costBits > count * DECIMAL_BITS_GOOD) offer(plan, VALUES_ULPS, planUlps(count), ulpsOdd)
  if (plan.costBits > count * HALVES_BITS_MIN) offer(plan, VALUES_HALVES, planHalves(count), undefined)
  if (isConstant(count)) offer(plan, VALUES_CONSTANT, 64, undefined)
}

function offer(plan: ValuesPlan, mode: number, costBits: number, odd: OddValues | undefined): void {
  if (costBits >= plan.costBits) return
  plan.mode = mode
  plan.costBits = costBits
  plan.odd = odd
}

/** Writes the values of the workspace as they were planned last, odd ones excepted. */
export function writeValues(plan: ValuesPlan, count: number, sink: ByteSink): void {
  if (plan.mode === VALUES_DECIMAL) writeDecimal(count, sink)
  else if (plan.mode === VALUES_ACCUMULATED) writeAccumulated(count, sink)
  else if (plan.mode === VALUES_ULPS) writeUlps(count, sink)
  else if (plan.mode === VALUES_HALVES) writeHalves(count, sink)
  else {
    sink.putU32(planned[LOW]!)
    sink.putU32(planned[HIGH]!)
  }
}

/** Whether `readValues` writes values of the mode as words, not as numbers. */
export function isMadeOfWords(mode: number): boolean {
  return mode !== VALUES_DECIMAL && mode !== VALUES_ACCUMULATED
}

/**
 * Reads values into `into[at...]`, which has room.
 *
 * @param words - The same place, two words a value; looked at only when `isMadeOfWords`.
 * @throws MW_STORE_CHUNK when the bytes cannot be values of the mode.
 */
export function readValues(source: ByteSource, mode: number, count: number, into: Float64Array, at: number, words: Uint32Array): void {
  if (mode === VALUES_DECIMAL) readDecimal(source, count, into, at)
  else if (mode === VALUES_ACCUMULATED) readAccumulated(source, count, into, at)
  else if (mode === VALUES_ULPS) readUlps(source, count, into, at, words)
  else if (mode === VALUES_HALVES) readHalves(source, count, into, at, words)
  else if (mode === VALUES_CONSTANT) {
    words[LOW] = source.u32()
    words[HIGH] = source.u32()
    for (let i = 2; i < 2 * count; i++) words[i] = words[i - 2]!
  } else throw source.damage(`values of the unknown mode ${mode}`)
}

function isConstant(count: number): boolean {
  for (let i = 2; i < 2 * count; i++) if (planned[i] !== planned[i - 2]) return false
  return true
}
