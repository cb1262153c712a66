import type { ByteSink } from './byte-sink.ts'
import type { ByteSource } from './byte-source.ts'
import { chunkSamplesMax, values, words } from './workspace.ts'

/** Values that mostly stay as they were: a bit for each sample says whether it changed, and only changes are written as values. */
const changed = new Uint8Array(chunkSamplesMax / 8)

/** @returns How many values of the workspace differ from the one before, the first included. */
export function countChanges(count: number): number {
  let changes = 1
  for (let i = 1; i < count; i++) if (words[2 * i] !== words[2 * i - 2] || words[2 * i + 1] !== words[2 * i - 1]) changes++
  return changes
}

/** Keeps the changed values of the workspace alone, and remembers which they were. @returns How many. */
export function dropRepeats(count: number): number {
  changed.fill(0, 0, bitmapBytes(count))
  changed[0] = 1
  let kept = 1
  for (let i = 1; i < count; i++) {
    const low = words[2 * i]!
    const high = words[2 * i + 1]!
    if (low === words[2 * kept - 2] && high === words[2 * kept - 1]) continue
    changed[i >> 3]! |= 1 << (i & 7)
    words[2 * kept] = low
    words[2 * kept + 1] = high
    kept++
  }
  values.fill(0, kept, count)
  return kept
}

export function writeRepeats(count: number, sink: ByteSink): void {
  sink.putBytes(changed.subarray(0, bitmapBytes(count)))
}

/** Reads which samples changed. @returns How many did. */
export function readRepeats(source: ByteSource, count: number): number {
  const bytes = bitmapBytes(count)
  source.need(bytes)
  let changes = 0
  for (let i = 0; i < bytes; i++) {
    const byte = source.view.getUint8(source.at + i)
    changed[i] = byte
    for (let bits = byte; bits !== 0; bits &= bits - 1) changes++
  }
  source.at += bytes
  if ((changed[0]! & 1) === 0) throw source.damage('a first sample that repeats')
  if ((count & 7) !== 0 && changed[bytes - 1]! >>> (count & 7) !== 0) throw source.damage('changes behind the last sample')
  return changes
}

/**
 * Puts the changes read where they belong, and their repeats behind them.
 * @param column - Decoded values, two words each: the changes at its start, room for all.
 */
export function spreadRepeats(column: Uint32Array, count: number, changes: number): void {
  let from = 2 * changes - 2
  for (let i = count - 1; i >= 0; i--) {
    column[2 * i] = column[from]!
    column[2 * i + 1] = column[from + 1]!
    from -= ((changed[i >> 3]! >>> (i & 7)) & 1) * 2
  }
}

function bitmapBytes(count: number): number {
  return (count + 7) >> 3
}
