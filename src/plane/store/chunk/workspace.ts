/** Most samples of a chunk. */
export const chunkSamplesMax = 4096

/** Which of a double's two words is the low one: the order of this machine, not of the chunk. */
export const LOW = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 0 : 1
export const HIGH = 1 - LOW

/** The values being encoded, as numbers and as words. Encoding runs to its end at once, so one workspace serves every chunk. */
export const values = new Float64Array(chunkSamplesMax)
export const words = new Uint32Array(values.buffer)

/** One double, as words: how bits become a number and back. */
export const single = new Float64Array(1)
export const singleWords = new Uint32Array(single.buffer)

/** `10 ** e` for every e at which the power is exact. */
export const powersOfTen = Float64Array.from({ length: 23 }, (_, e) => Number(`1e${e}`))

/** Integers stay below this, so that differences of their differences are exact. */
export const integerLimit = 2 ** 51

/** Whether so many of `seen` values do not fit that the mode is given up. */
export function tooMany(odd: number, seen: number): boolean {
  return odd > 3 + (seen >> 3)
}
