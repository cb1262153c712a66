/*
 * 64-bit numbers here are two halves of 32 bits, both kept as signed integers as JavaScript's bit operations give them; BigInt would be
 * some twenty times slower.
 */

/** A 64-bit hash as two unsigned halves. */
export interface Hash64 {
  readonly high: number
  readonly low: number
}

const P1H = 0x9e3779b1 | 0
const P1L = 0x85ebca87 | 0
const P2H = 0xc2b2ae3d | 0
const P2L = 0x27d4eb4f | 0
const P3H = 0x165667b1 | 0
const P3L = 0x9e3779f9 | 0
const P4H = 0x85ebca77 | 0
const P4L = 0xc2b2ae63 | 0
const P5H = 0x27d4eb2f | 0
const P5L = 0x165667c5 | 0

/** The accumulator of the steps below: they leave their result here, as two numbers cannot be returned without an allocation. */
let high = 0
let low = 0

function set(h: number, l: number): void {
  high = h
  low = l
}

function add(h: number, l: number): void {
  const sum = (low >>> 0) + (l >>> 0)
  high = (high + h + (sum > 0xffff_ffff ? 1 : 0)) | 0
  low = sum | 0
}

function xor(h: number, l: number): void {
  high ^= h
  low ^= l
}

function multiply(h: number, l: number): void {
  const [a, b] = [low & 0xffff, low >>> 16]
  const [c, d] = [l & 0xffff, l >>> 16]
  // The upper half of low · l, from products of 16 by 16 bits.
  const lower = a * c
  const middle = b * c + (lower >>> 16)
  const cross = (middle & 0xffff) + a * d
  const carried = b * d + Math.floor(middle / 0x1_0000) + Math.floor(cross / 0x1_0000)
  high = (Math.imul(high, l) + Math.imul(low, h) + carried) | 0
  low = Math.imul(low, l)
}

/** @param bits - 1 to 31. */
function rotateLeft(bits: number): void {
  const h = high
  high = (h << bits) | (low >>> (32 - bits))
  low = (low << bits) | (h >>> (32 - bits))
}

/** The accumulator ^= accumulator >>> bits. */
function fold(bits: number): void {
  if (bits >= 32) low ^= high >>> (bits - 32)
  else {
    low ^= (low >>> bits) | (high << (32 - bits))
    high ^= high >>> bits
  }
}

/** One lane of a stripe: rotl(lane + input · P2, 31) · P1. */
function round(laneH: number, laneL: number, inputH: number, inputL: number): void {
  set(inputH, inputL)
  multiply(P2H, P2L)
  add(laneH, laneL)
  rotateLeft(31)
  multiply(P1H, P1L)
}

/**
 * XXH64 with seed 0, the hash by which Prometheus tells label sets apart.
 * @see https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
 */
export function xxhash64(bytes: Uint8Array): Hash64 {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  if (bytes.length >= 32) at = stripes(view)
  else set(P5H, P5L)
  add(0, bytes.length)
  for (; at + 8 <= bytes.length; at += 8) {
    const [h, l] = [high, low]
    round(0, 0, view.getInt32(at + 4, true), view.getInt32(at, true))
    xor(h, l)
    rotateLeft(27)
    multiply(P1H, P1L)
    add(P4H, P4L)
  }
  if (at + 4 <= bytes.length) {
    const [h, l] = [high, low]
    set(0, view.getInt32(at, true))
    multiply(P1H, P1L)
    xor(h, l)
    rotateLeft(23)
    multiply(P2H, P2L)
    add(P3H, P3L)
    at += 4
  }
  for (; at < bytes.length; at++) {
    const [h, l] = [high, low]
    set(0, bytes[at]!)
    multiply(P5H, P5L)
    xor(h, l)
    rotateLeft(11)
    multiply(P1H, P1L)
  }
  fold(33)
  multiply(P2H, P2L)
  fold(29)
  multiply(P3H, P3L)
  fold(32)
  return { high: high >>> 0, low: low >>> 0 }
}

const rotations = [1, 7, 12, 18] as const

/** Takes in all whole stripes of 32 bytes, in four lanes, and joins them in the accumulator. @returns How far it came. */
function stripes(view: DataView): number {
  const lanes = new Int32Array(8)
  set(P1H, P1L)
  add(P2H, P2L)
  lanes.set([high, low, P2H, P2L, 0, 0, ~P1H, ~P1L], 0)
  // −P1 in two's complement.
  set(~P1H, ~P1L)
  add(0, 1)
  lanes[6] = high
  lanes[7] = low
  let at = 0
  for (; at + 32 <= view.byteLength; at += 32) {
    for (let lane = 0; lane < 4; lane++) {
      round(lanes[2 * lane]!, lanes[2 * lane + 1]!, view.getInt32(at + 8 * lane + 4, true), view.getInt32(at + 8 * lane, true))
      lanes[2 * lane] = high
      lanes[2 * lane + 1] = low
    }
  }
  let [sumH, sumL] = [0, 0]
  for (let lane = 0; lane < 4; lane++) {
    set(lanes[2 * lane]!, lanes[2 * lane + 1]!)
    rotateLeft(rotations[lane]!)
    add(sumH, sumL)
    sumH = high
    sumL = low
  }
  for (let lane = 0; lane < 4; lane++) {
    round(0, 0, lanes[2 * lane]!, lanes[2 * lane + 1]!)
    xor(sumH, sumL)
    multiply(P1H, P1L)
    add(P4H, P4L)
    sumH = high
    sumL = low
  }
  set(sumH, sumL)
  return at
}
