import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'
import { readColumn, writeColumn } from './column.ts'
import { ColumnPlan, planColumn } from './column-plan.ts'
import { chunkSamplesMax, HIGH, LOW, words } from './workspace.ts'

/** Any 64 bits: the high halves (sign, exponent, 20 bits) as a column of integers, the low halves as they are. Nothing is odd here. */
const highs = new Float64Array(chunkSamplesMax)
const plan = new ColumnPlan()

const EXCEPTIONS = 0x40

/** @returns About the bits the values take. */
export function planHalves(count: number): number {
  for (let i = 0; i < count; i++) highs[i] = words[2 * i + HIGH]!
  planColumn(highs, count, plan)
  return 8 + plan.costBits + count * 32
}

export function writeHalves(count: number, sink: ByteSink): void {
  sink.putU8(plan.exceptions > 0 ? EXCEPTIONS : 0)
  writeColumn(plan, highs, count, sink)
  sink.reserve(count * 4)
  for (let i = 0; i < count; i++) sink.putU32(words[2 * i + LOW]!)
}

/** @param words - Of `into`, from `at` on. */
export function readHalves(source: ByteSource, count: number, into: Float64Array, at: number, words: Uint32Array): void {
  const head = source.u8()
  if (head !== 0 && head !== EXCEPTIONS) throw source.damage(`halves of head ${head}`)
  readColumn(source, count, head === EXCEPTIONS, into, at)
  source.need(count * 4)
  const view = source.view
  for (let i = 0; i < count; i++) {
    words[2 * i + HIGH] = into[at + i]!
    words[2 * i + LOW] = view.getUint32(source.at + 4 * i, true)
  }
  source.at += count * 4
}
