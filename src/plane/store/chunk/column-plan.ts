import { bitLength, packedBytes, widthMax } from './bit-pack.ts'
import { chunkSamplesMax } from './workspace.ts'

/**
 * What is packed of a column of integers: 0 the integers, 1 their differences, 2 the differences of those, 3 their distance from a straight line.
 */
export type ColumnOrder = 0 | 1 | 2 | 3

/** How a column of integers is best written. */
export class ColumnPlan {
  order: ColumnOrder = 0
  /** Subtracted from each packed number: they are ≥ 0 then, but for exceptions. */
  base = 0
  width = 0
  /** Packed numbers that do not fit [base, base + 2^width). */
  exceptions = 0
  /** Of the line (order 3), or the first difference (order 2). */
  slope = 0
  /** About what the column takes. */
  costBits = 0
}

/** Numbers that are packed, before they are offset; for one column at a time. */
export const residuals = new Float64Array(chunkSamplesMax)
const nine = new Float64Array(9)
/** How many residuals have so many bits: above the base, and below it. */
const above = new Int32Array(64)
const below = new Int32Array(64)

/** Most exceptions take a byte for the gap before them and two for what is above the width. */
const EXCEPTION_BITS = 24

/**
 * Plans one column. Differences of differences must stay below 2^53 to be exact, so integers must stay within ±2^51, ends excluded.
 *
 * @param count - At least 1.
 */
export function planColumn(numbers: Float64Array, count: number, plan: ColumnPlan): void {
  let min0 = numbers[0]!
  let max0 = min0
  let min1 = Number.POSITIVE_INFINITY
  let max1 = Number.NEGATIVE_INFINITY
  let min2 = Number.POSITIVE_INFINITY
  let max2 = Number.NEGATIVE_INFINITY
  let before = min0
  let step = 0
  for (let i = 1; i < count; i++) {
    const number = numbers[i]!
    const difference = number - before
    const bend = difference - step
    if (number < min0) min0 = number
    if (number > max0) max0 = number
    if (difference < min1) min1 = difference
    if (difference > max1) max1 = difference
    if (i > 1) {
      if (bend < min2) min2 = bend
      if (bend > max2) max2 = bend
    }
    before = number
    step = difference
  }
  const firstBits = signedBits(min0)
  setPlan(plan, 0, min0, bitLength(max0 - min0), count)
  if (count > 1 && plan.width > 0) {
    const width1 = bitLength(max1 - min1)
    offer(plan, 1, min1, width1, count - 1, firstBits)
    if (count > 2) {
      const width2 = bitLength(max2 - min2)
      if (width2 + 1 < plan.width) offer(plan, 2, min2, width2, count - 2, firstBits + signedBits(max1))
    }
    if (plan.width > 0 && count > 16) {
      planPatched(numbers, count, 1, plan, firstBits)
      planPatched(numbers, count, 0, plan, 0)
    }
  }
  if (plan.order === 2) plan.slope = numbers[1]! - numbers[0]!
}

/** Plans a column of times beside the line of a steady schedule: their distance from it is the jitter alone, where differences have it twice. */
export function planTimes(timesMs: Float64Array, count: number, plan: ColumnPlan): void {
  planColumn(timesMs, count, plan)
  if (count < 3) return
  const mean = (timesMs[count - 1]! - timesMs[0]!) / (count - 1)
  // Schedules are whole seconds; the ends of a jittered one miss it by a little.
  const second = Math.round(mean / 1000) * 1000
  const slope = Math.abs(mean - second) * count < 1000 ? second : Math.round(mean)
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i++) {
    const distance = timesMs[i]! - i * slope
    if (distance < min) min = distance
    if (distance > max) max = distance
  }
  const width = bitLength(max - min)
  offer(plan, 3, min, width, count, signedBits(slope))
  if (plan.order === 3) plan.slope = slope
}

/** Replaces the plan when a narrower width with exceptions costs less. Most columns have no outliers, and nine of their numbers tell. */
function planPatched(numbers: Float64Array, count: number, order: 0 | 1, plan: ColumnPlan, firstBits: number): void {
  sampleNine(numbers, count, order)
  const spread = nine[7]! - nine[1]!
  if (spread > 0 && bitLength(spread) + 2 > plan.width) return
  fillResiduals(numbers, count, order, 0)
  const packed = count - order
  const exceptionsMax = packed >> 2
  const reach = 2 ** reachOf(packed, exceptionsMax)
  const middle = nine[4]!
  // The residuals within reach say where the packed range begins; then the width is chosen exactly.
  let base = Number.POSITIVE_INFINITY
  for (let i = 0; i < packed; i++) {
    const residual = residuals[i]!
    if (residual < base && middle - residual < reach) base = residual
  }
  above.fill(0)
  below.fill(0)
  let exceptions = 0
  for (let i = 0; i < packed; i++) {
    const offset = residuals[i]! - base
    if (offset >= 0) above[bitLength(offset)]!++
    else {
      below[bitLength(-offset)]!++
      exceptions++
    }
  }
  const baseBits = signedBits(base) + firstBits
  let longest = widthMax + 1
  while (longest > 0 && above[longest]! + below[longest]! === 0) longest--
  for (let width = Math.min(longest, widthMax); width >= 0 && exceptions <= exceptionsMax; width--) {
    const costBits = cost(packed, width) + baseBits + exceptionBits(width, longest)
    if (costBits < plan.costBits) {
      setPlan(plan, order, base, width, packed)
      plan.exceptions = exceptions
      plan.costBits = costBits
    }
    exceptions += above[width]!
  }
}

/** Nine residuals spread over the column, sorted. */
function sampleNine(numbers: Float64Array, count: number, order: 0 | 1): void {
  for (let k = 0; k < 9; k++) {
    const i = order + Math.floor((k * (count - 1 - order)) / 8)
    const residual = order === 0 ? numbers[i]! : numbers[i]! - numbers[i - 1]!
    let place = k
    for (; place > 0 && nine[place - 1]! > residual; place--) nine[place] = nine[place - 1]!
    nine[place] = residual
  }
}

/** Bits of a distance from the median of the nine, beyond which residuals are better exceptions. */
function reachOf(packed: number, exceptionsMax: number): number {
  const middle = nine[4]!
  above.fill(0)
  for (let i = 0; i < packed; i++) above[bitLength(Math.abs(residuals[i]! - middle))]!++
  let outside = 0
  let reach = widthMax + 1
  let best = Number.POSITIVE_INFINITY
  for (let bits = widthMax + 1; bits >= 0 && outside <= exceptionsMax; bits--) {
    const estimate = packed * (bits + 1) + outside * EXCEPTION_BITS
    if (estimate <= best) {
      best = estimate
      reach = bits
    }
    outside += above[bits]!
  }
  return reach
}

/** What the residuals outside of a width take: a byte for the gap between them, and a signed varint of what is above the width. */
function exceptionBits(width: number, longest: number): number {
  let bits = 0
  for (let length = 1; length <= longest; length++) {
    const outside = below[length]! + (length > width ? above[length]! : 0)
    if (outside > 0) bits += outside * (8 + 8 * Math.ceil((Math.max(length - width, 0) + 1) / 7))
  }
  return bits > 0 ? bits + 8 : 0
}

/** Takes a plan when it costs less; `furtherBits` are those of the first numbers. */
function offer(plan: ColumnPlan, order: ColumnOrder, base: number, width: number, packed: number, furtherBits: number): void {
  if (cost(packed, width) + signedBits(base) + furtherBits >= plan.costBits) return
  setPlan(plan, order, base, width, packed)
  plan.costBits += furtherBits
}

function setPlan(plan: ColumnPlan, order: ColumnOrder, base: number, width: number, packed: number): void {
  plan.order = order
  plan.base = base
  plan.width = width
  plan.exceptions = 0
  plan.costBits = cost(packed, width) + signedBits(base)
  plan.slope = 0
}

/** The head and the packed numbers. */
function cost(packed: number, width: number): number {
  return 8 + packedBytes(packed, width) * 8
}

/** What a signed varint takes. */
function signedBits(value: number): number {
  return 8 + 8 * Math.floor(bitLength(Math.abs(value)) / 7)
}

/** Fills `residuals` with what is packed of a column. */
export function fillResiduals(numbers: Float64Array, count: number, order: ColumnOrder, slope: number): void {
  if (order === 0) for (let i = 0; i < count; i++) residuals[i] = numbers[i]!
  else if (order === 1) for (let i = 1; i < count; i++) residuals[i - 1] = numbers[i]! - numbers[i - 1]!
  else if (order === 2) for (let i = 2; i < count; i++) residuals[i - 2] = numbers[i]! - 2 * numbers[i - 1]! + numbers[i - 2]!
  else for (let i = 0; i < count; i++) residuals[i] = numbers[i]! - i * slope
}
