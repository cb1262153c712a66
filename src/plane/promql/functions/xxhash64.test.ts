import { expect, test } from 'vitest'
import { xxhash64 } from './xxhash64.ts'

const digest = (text: string) => {
  const { high, low } = xxhash64(new TextEncoder().encode(text))
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}

// By a plain transcription of the specification into arbitrary precision; one row for each way through: bytes, fours, eights, stripes.
test.for([
  ['', 'ef46db3751d8e999'],
  ['a', 'd24ec4f1a98c6e5b'],
  ['abc', '44bc2cf5ad770999'],
  ['abcdefgh', '3ad351775b4634b7'],
  ['The quick brown fox jumps over the lazy dog', '0b242d361fda71bc'],
  ['0123456789'.repeat(10), 'f80e7b96315afffa'],
] as const)('%s', ([text, want]) => expect(digest(text)).toBe(want))

/** The same in BigInt, lane by lane as the specification puts it. */
function byTheBook(bytes: Uint8Array): bigint {
  const mask = (1n << 64n) - 1n
  const primes: readonly bigint[] = [
    0x9e3779b185ebca87n,
    0xc2b2ae3d27d4eb4fn,
    0x165667b19e3779f9n,
    0x85ebca77c2b2ae63n,
    0x27d4eb2f165667c5n,
  ]
  const [p1, p2, p3, p4, p5] = primes as [bigint, bigint, bigint, bigint, bigint]
  const rotl = (x: bigint, bits: bigint) => ((x << bits) | (x >> (64n - bits))) & mask
  const round = (lane: bigint, input: bigint) => (rotl((lane + input * p2) & mask, 31n) * p1) & mask
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  let hash = p5
  if (bytes.length >= 32) {
    const lanes = [(p1 + p2) & mask, p2, 0n, (mask + 1n - p1) & mask]
    for (; at + 32 <= bytes.length; at += 32)
      for (let lane = 0; lane < 4; lane++) lanes[lane] = round(lanes[lane]!, view.getBigUint64(at + 8 * lane, true))
    hash = (rotl(lanes[0]!, 1n) + rotl(lanes[1]!, 7n) + rotl(lanes[2]!, 12n) + rotl(lanes[3]!, 18n)) & mask
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * p1 + p4) & mask
  }
  hash = (hash + BigInt(bytes.length)) & mask
  for (; at + 8 <= bytes.length; at += 8) hash = (rotl(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4) & mask
  if (at + 4 <= bytes.length) {
    hash = (rotl(hash ^ ((BigInt(view.getUint32(at, true)) * p1) & mask), 23n) * p2 + p3) & mask
    at += 4
  }
  for (; at < bytes.length; at++) hash = (rotl(hash ^ ((BigInt(bytes[at]!) * p5) & mask), 11n) * p1) & mask
  hash = ((hash ^ (hash >> 33n)) * p2) & mask
  hash = ((hash ^ (hash >> 29n)) * p3) & mask
  return hash ^ (hash >> 32n)
}

test('any bytes of any length', () => {
  for (let length = 0; length < 300; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 151 + length * 37) & 0xff)
    const { high, low } = xxhash64(bytes)
    expect((BigInt(high) << 32n) | BigInt(low), `${length} bytes`).toBe(byTheBook(bytes))
  }
})
