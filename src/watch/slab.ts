/** An array of up to so many bytes shares a slab; a longer one has an ArrayBuffer of its own. */
const SHARED_BYTES_MAX = 2048
const SLAB_BYTES = 65_536
/** The widest element: every array begins where any kind may. */
const ALIGNMENT = 8

let slab = new ArrayBuffer(SLAB_BYTES)
let used = 0

export interface ArrayKind<T> {
  new (buffer: ArrayBuffer, byteOffset: number, length: number): T
  new (length: number): T
  readonly BYTES_PER_ELEMENT: number
}

/**
 * A typed array of zeros. Short ones stand side by side in a slab, as Node.js's Buffers do: an ArrayBuffer of its own takes forty times as long to make, and is
 * one more that the garbage collector has to look at. A slab lasts as long as the last array in it.
 */
export function zerosOf<T>(Kind: ArrayKind<T>, length: number): T {
  const bytes = length * Kind.BYTES_PER_ELEMENT
  if (bytes > SHARED_BYTES_MAX) return new Kind(length)
  if (used + bytes > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES) // Never used twice: behind the last array it is still zero.
    used = 0
  }
  const array = new Kind(slab, used, length)
  used += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
  return array
}
