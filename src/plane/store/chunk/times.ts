import type { SampleBuffer } from '../sample-buffer.ts'
import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'
import { readColumn, writeColumn } from './column.ts'
import { ColumnPlan, planTimes } from './column-plan.ts'
import { chunkSamplesMax, integerLimit } from './workspace.ts'

/** How the times of a chunk are written: the low two bits of its flags. */
export const TIMES_STEADY = 0
const TIMES_COLUMN = 1
const TIMES_PATCHED = 2
const TIMES_RAW = 3

const times = new Float64Array(chunkSamplesMax)
const plan = new ColumnPlan()

/** @returns The mode that was taken. */
export function writeTimes(timesMs: Float64Array, from: number, to: number, sink: ByteSink): number {
  const count = to - from
  const first = timesMs[from]!
  const last = timesMs[to - 1]!
  if (isSteady(timesMs, from, to)) {
    sink.putSignedVarint(first)
    if (count > 1) sink.putVarint(timesMs[from + 1]! - first)
    return TIMES_STEADY
  }
  if (Math.abs(first) >= integerLimit || Math.abs(last) >= integerLimit) {
    for (let i = from; i < to; i++) sink.putF64(timesMs, i)
    return TIMES_RAW
  }
  for (let i = 0; i < count; i++) times[i] = timesMs[from + i]!
  planTimes(times, count, plan)
  writeColumn(plan, times, count, sink)
  return plan.exceptions > 0 ? TIMES_PATCHED : TIMES_COLUMN
}

/**
 * Reads the times of a chunk into `into.timesMs[at...]`, which has room.
 * @throws MW_STORE_CHUNK when they do not rise, or are no exact milliseconds.
 */
export function readTimes(source: ByteSource, mode: number, count: number, into: SampleBuffer, at: number): void {
  const timesMs = into.timesMs
  if (mode === TIMES_STEADY) {
    readSteady(source, count, timesMs, at)
    return
  }
  if (mode === TIMES_RAW) {
    source.need(count * 8)
    for (let i = 0; i < count; i++) timesMs[at + i] = source.view.getFloat64(source.at + 8 * i, true)
    source.at += count * 8
  } else {
    readColumn(source, count, mode === TIMES_PATCHED, timesMs, at)
  }
  let rising = Number.isSafeInteger(timesMs[at]) && Number.isSafeInteger(timesMs[at + count - 1])
  for (let i = at + 1; i < at + count; i++) rising = rising && timesMs[i]! > timesMs[i - 1]! && Math.floor(timesMs[i]!) === timesMs[i]
  if (!rising) throw source.damage('times that do not rise')
}

function readSteady(source: ByteSource, count: number, timesMs: Float64Array, at: number): void {
  let timeMs = source.signedVarint()
  const stepMs = count > 1 ? source.varint() : 1
  if (stepMs === 0 || !Number.isSafeInteger(timeMs) || !Number.isSafeInteger(timeMs + (count - 1) * stepMs)) {
    throw source.damage(`${count} times every ${stepMs} ms from ${timeMs} on`)
  }
  for (let i = at; i < at + count; i++) {
    timesMs[i] = timeMs
    timeMs += stepMs
  }
}

function isSteady(timesMs: Float64Array, from: number, to: number): boolean {
  const stepMs = timesMs[from + 1]! - timesMs[from]!
  for (let i = from + 2; i < to; i++) if (timesMs[i]! - timesMs[i - 1]! !== stepMs) return false
  return stepMs <= Number.MAX_SAFE_INTEGER || to - from === 1
}
