import { randomFillSync } from 'node:crypto'

const COUNTER_MAX = 0xfff
/** How far a clock may be set back before ids follow it: until then they keep their order, and run ahead of it. */
const SET_BACK_MS_MAX = 10_000
const POOL_BYTES = 8 * 512
const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

let lastMs = 0
let counter = 0
const pool = Buffer.alloc(POOL_BYTES)
let used = POOL_BYTES

/** Eight random bytes as 16 digits; asking the system for many at a time is ten times faster. */
function randomHex(): string {
  if (used === POOL_BYTES) {
    randomFillSync(pool)
    used = 0
  }
  used += 8
  return pool.toString('hex', used - 8, used)
}

/**
 * An id for a new task: a UUID of version 7 (RFC 9562 §5.7, a counter in rand_a as in §6.2, method 1), small letters.
 * Ids of one process rise, also within a millisecond and when the clock is set back a little.
 * @param nowMs - Since 1970, below 2^48.
 */
export function createTaskId(nowMs: number): string {
  const random = randomHex()
  const wholeMs = Math.floor(nowMs)
  if (wholeMs > lastMs || wholeMs < lastMs - SET_BACK_MS_MAX) {
    lastMs = wholeMs
    // Begins in the lower half, so that there is room to count up.
    counter = Number.parseInt(random.slice(0, 3), 16) >> 1
  } else if (counter < COUNTER_MAX) counter++
  else {
    lastMs++
    counter = 0
  }
  const time = lastMs.toString(16).padStart(12, '0')
  const variant = ((Number.parseInt(random[3]!, 16) & 0x3) | 0x8).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${variant}${random.slice(4, 7)}-${idTail(random)}`
}

/** Twelve digits: nine that were not used yet, and three more of the next eight bytes. */
function idTail(random: string): string {
  return random.slice(7) + randomHex().slice(0, 3)
}

/** When a task with this id was submitted, since 1970; undefined when it is not a UUID of version 7, so no task ever had it. */
export function submittedMsOf(id: string): number | undefined {
  if (!pattern.test(id)) return undefined
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}
