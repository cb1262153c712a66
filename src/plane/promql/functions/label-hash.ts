import type { Labels } from '../../../core/labels.ts'
import { xxhash64 } from './xxhash64.ts'

const encoder = new TextEncoder()

/**
 * Where a series lies in [0, 1], by its labels alone: the hash that Prometheus takes of them, as a share of all 64-bit numbers. So the same
 * series are sampled here and there, and in every process.
 */
export function labelsShare(labels: Labels): number {
  const texts = labels.flatMap(([name, value]) => [encoder.encode(name), encoder.encode(value)])
  const bytes = new Uint8Array(texts.reduce((sum, { length }) => sum + length + (length < LONG ? 1 : 4), 0))
  let at = 0
  for (const text of texts) {
    at = writeLength(bytes, at, text.length)
    bytes.set(text, at)
    at += text.length
  }
  const { high, low } = xxhash64(bytes)
  return (high * 2 ** 32 + low) / 2 ** 64
}

/** From this length on a text is preceded by this byte and three more of length, lowest first; a shorter one by its length in one byte. */
const LONG = 255

function writeLength(bytes: Uint8Array, at: number, length: number): number {
  if (length < LONG) {
    bytes[at] = length
    return at + 1
  }
  bytes[at] = LONG
  bytes[at + 1] = length & 0xff
  bytes[at + 2] = (length >> 8) & 0xff
  bytes[at + 3] = (length >> 16) & 0xff
  return at + 4
}
