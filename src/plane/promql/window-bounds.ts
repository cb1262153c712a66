import type { SampleBuffer } from '../store/index.ts'

/** The samples that count at each step of a grid: step i has those from `from[i]` up to, and without, `to[i]`. */
export interface WindowBounds {
  readonly from: Int32Array
  readonly to: Int32Array
}

export function createWindowBounds(steps: number): WindowBounds {
  return { from: new Int32Array(steps), to: new Int32Array(steps) }
}

/**
 * Finds the windows (endsMs[i] − rangeMs, endsMs[i]] of one series.
 * Samples and steps mostly come at regular intervals, so that each end is guessed from the last stride, and then put right.
 * @param endsMs - Never falling.
 */
export function findBounds({ timesMs, length }: SampleBuffer, endsMs: Float64Array, rangeMs: number, { from, to }: WindowBounds): void {
  const steps = to.length
  advance(timesMs, length, endsMs, 0, to, steps)
  // Where the range is so many whole steps, a window begins where one that many steps before it ended.
  const back = steps > 1 ? rangeMs / (endsMs[1]! - endsMs[0]!) : steps
  if (back < steps && Number.isInteger(back) && endsMs[steps - 1]! - endsMs[steps - 1 - back]! === rangeMs) {
    advance(timesMs, length, endsMs, rangeMs, from, back)
    from.set(to.subarray(0, steps - back), back)
  } else advance(timesMs, length, endsMs, rangeMs, from, steps)
}

/** For each of the first ends, the number of samples at or before (end − backMs). */
function advance(timesMs: Float64Array, length: number, endsMs: Float64Array, backMs: number, into: Int32Array, steps: number): void {
  let at = 0
  let stride = 0
  for (let step = 0; step < steps; step++) {
    const endMs = endsMs[step]! - backMs
    let guess = at + stride
    if (guess > length) guess = length
    while (guess > at && timesMs[guess - 1]! > endMs) guess--
    while (guess < length && timesMs[guess]! <= endMs) guess++
    stride = guess - at
    at = guess
    into[step] = at
  }
}
