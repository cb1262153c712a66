/** Refs sorted in one go: well below a millisecond. */
const RUN = 4096

/** The series that have one label, by their refs, rising. Most labels of a series that comes and goes are its own: one ref needs no array. */
export class Posting {
  /** Name and value, as they are kept for all series that have them. */
  readonly pair: readonly [name: string, value: string]
  length = 1
  #only: number
  #refs: Uint32Array | undefined

  constructor(pair: readonly [name: string, value: string], ref: number) {
    this.pair = pair
    this.#only = ref
  }

  /** What stands here now; later changes do not touch it. */
  get refs(): Uint32Array {
    return this.#refs === undefined ? Uint32Array.of(this.#only).subarray(0, this.length) : this.#refs.subarray(0, this.length)
  }

  /** @param ref - Above all others. */
  add(ref: number): void {
    if (this.#refs === undefined) {
      this.#refs = new Uint32Array(4)
      this.#refs[0] = this.#only
    } else if (this.length === this.#refs.length) {
      const larger = new Uint32Array(this.length * 2)
      larger.set(this.#refs)
      this.#refs = larger
    }
    this.#refs[this.length++] = ref
  }

  /** @returns the position behind the last one copied. */
  copyTo(all: Uint32Array, at: number): number {
    if (this.#refs === undefined) {
      if (this.length === 1) all[at] = this.#only
    } else all.set(this.#refs.subarray(0, this.length), at)
    return at + this.length
  }

  /** @param gone - Some of the refs, rising. What is left is written elsewhere: somebody may be reading. */
  remove(gone: readonly number[]): void {
    const left = this.length - gone.length
    if (this.#refs !== undefined && left > 0) {
      const kept = new Uint32Array(left)
      let to = 0
      let from = 0
      for (const ref of gone) {
        const at = indexOf(this.#refs, ref, from, this.length)
        kept.set(this.#refs.subarray(from, at), to)
        to += at - from
        from = at + 1
      }
      kept.set(this.#refs.subarray(from, this.length), to)
      this.#refs = kept
    }
    this.length = left
  }
}

/** Where a ref that is there stands in [from, end) of a rising column. */
function indexOf(refs: Uint32Array, ref: number, from: number, end: number): number {
  let low = from
  let high = end - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (refs[middle]! < ref) low = middle + 1
    else high = middle
  }
  return low
}

/** Sorts in place or into another column, with a chance to pause at each yield. */
export function* sortInSteps(refs: Uint32Array): Generator<undefined, Uint32Array> {
  for (let from = 0; from < refs.length; from += RUN) {
    refs.subarray(from, from + RUN).sort()
    yield undefined
  }
  let [sorted, other] = [refs, refs.length > RUN ? new Uint32Array(refs.length) : refs]
  for (let width = RUN; width < refs.length; width *= 2) {
    let steps = 0
    for (let from = 0; from < refs.length; from += 2 * width) {
      const middle = Math.min(from + width, refs.length)
      const end = Math.min(from + 2 * width, refs.length)
      for (let at = from, l = from, r = middle; at < end; at++) {
        other[at] = r >= end || (l < middle && sorted[l]! < sorted[r]!) ? sorted[l++]! : sorted[r++]!
        if (++steps % RUN === 0) yield undefined
      }
    }
    ;[sorted, other] = [other, sorted]
  }
  return sorted
}
