import { pack, singleWidthMax, unpack, unpackSums, widthMax } from './bit-pack.ts'
import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'
import { type ColumnOrder, type ColumnPlan, fillResiduals, residuals } from './column-plan.ts'

/** Writes a column as it was planned. */
export function writeColumn(plan: ColumnPlan, numbers: Float64Array, count: number, sink: ByteSink): void {
  fillResiduals(numbers, count, plan.order, plan.slope)
  sink.putU8(plan.width | (plan.order << 6))
  const packed = count - startOf(plan.order)
  if (plan.order === 1 || plan.order === 2) sink.putSignedVarint(numbers[0]!)
  if (plan.order >= 2) sink.putSignedVarint(plan.slope)
  sink.putSignedVarint(plan.base)
  pack(residuals, 0, packed, plan.base, plan.width, sink)
  if (plan.exceptions === 0) return
  sink.putVarint(plan.exceptions)
  const range = 2 ** plan.width
  let next = 0
  for (let i = 0; i < packed; i++) {
    const high = Math.floor((residuals[i]! - plan.base) / range)
    if (high === 0) continue
    sink.putVarint(i - next)
    sink.putSignedVarint(high) // The low bits are in their place among the others.
    next = i + 1
  }
}

/**
 * Reads a column of `count` integers into `into[at...]`.
 * @throws MW_STORE_CHUNK when the bytes cannot be one.
 */
export function readColumn(source: ByteSource, count: number, exceptions: boolean, into: Float64Array, at: number): void {
  const head = source.u8()
  const width = head & 63
  const order = (head >> 6) as ColumnOrder
  if (width > widthMax) throw source.damage(`a width of ${width} bits; ${widthMax} is the most`)
  const start = startOf(order)
  if (count < start) throw source.damage(`${count} numbers in a column of order ${order}`)
  const first = order === 1 || order === 2 ? source.signedVarint() : 0
  const slope = order >= 2 ? source.signedVarint() : 0
  const base = source.signedVarint()
  if (order === 1 && !exceptions && width <= singleWidthMax) {
    unpackSums(source, count - 1, width, base, first, into, at)
    return
  }
  unpack(source, count - start, width, into, at + start)
  if (exceptions) patch(source, count - start, width, into, at + start)
  const end = at + count
  if (order === 1) {
    let number = first
    into[at] = number
    for (let i = at + 1; i < end; i++) {
      number += base + into[i]!
      into[i] = number
    }
  } else if (order === 0) {
    for (let i = at; i < end; i++) into[i] = into[i]! + base
  } else if (order === 2) {
    let step = slope
    let number = first + step
    into[at] = first
    into[at + 1] = number
    for (let i = at + 2; i < end; i++) {
      step += base + into[i]!
      number += step
      into[i] = number
    }
  } else {
    let line = base
    for (let i = at; i < end; i++) {
      into[i] = into[i]! + line
      line += slope
    }
  }
}

/** How many numbers at the start of a column are not packed. */
function startOf(order: ColumnOrder): number {
  return order === 1 ? 1 : order === 2 ? 2 : 0
}

function patch(source: ByteSource, packed: number, width: number, into: Float64Array, at: number): void {
  const exceptions = source.varint()
  const range = 2 ** width
  let next = 0
  for (let k = 0; k < exceptions; k++) {
    next += source.varint()
    if (next >= packed) throw source.damage(`an exception for number ${next} of ${packed}`)
    into[at + next] = into[at + next]! + source.signedVarint() * range
    next++
  }
}
