/**
 * Leaves of the row scanner: each looks at JSON in bytes from one position on, and answers with the position behind what it read, or -1.
 * The bytes must end with `}`: nothing that these loops pass over is one, so none of them runs past the end.
 */
const [SPACE, TAB, NEWLINE, RETURN] = [0x20, 0x09, 0x0a, 0x0d]
const [QUOTE, BACKSLASH] = [0x22, 0x5c]

export function skipSpace(bytes: Uint8Array, start: number): number {
  let i = start
  while (bytes[i]! <= SPACE && isSpace(bytes[i]!)) i++
  return i
}

export const isSpace = (byte: number): boolean => byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB

/** Whether exactly these bytes stand there. */
export function matchBytes(bytes: Uint8Array, start: number, wanted: Uint8Array): number {
  const { length } = wanted
  for (let k = 0; k < length; k++) if (bytes[start + k] !== wanted[k]) return -1
  return start + length
}

/** Text of at least four bytes, cut in words of four for `matchWords`; the last word overlaps the one before it. */
export interface Words {
  readonly length: number
  readonly words: Int32Array
}

export function toWords(text: string): Words {
  const bytes = Buffer.from(text)
  const words = Int32Array.from({ length: Math.ceil(bytes.length / 4) }, (_, k) => bytes.readInt32LE(Math.min(k * 4, bytes.length - 4)))
  return { length: bytes.length, words }
}

/** As `matchBytes`, four bytes at a time. */
export function matchWords(view: DataView, start: number, { length, words }: Words): number {
  const end = start + length
  if (end > view.byteLength) return -1
  const last = words.length - 1
  if (view.getInt32(end - 4, true) !== words[last]) return -1
  for (let k = 0, i = start; k < last; k++, i += 4) if (view.getInt32(i, true) !== words[k]) return -1
  return end
}

/** Of a string without escapes; one with them, or without an end, is -1. */
export function stringEnd(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== QUOTE) return -1
  for (let i = start + 1; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === QUOTE) return i + 1
    if (byte < SPACE || byte === BACKSLASH) return -1
  }
  return -1
}

/**
 * Finds known strings by their bytes, without making a string.
 * @returns the index of the one that stands between two positions, or -1.
 */
export function compileStringFinder(strings: readonly string[]): (bytes: Uint8Array, start: number, end: number) => number {
  const known = strings.map((text) => Buffer.from(text))
  const mask = 2 ** Math.ceil(Math.log2(known.length * 2 + 1)) - 1
  const slots = new Int32Array(mask + 1).fill(-1)
  for (const [index, text] of known.entries()) {
    if (!strings[index]!.isWellFormed()) continue // Half a surrogate pair has no bytes of its own.
    let slot = hash(text, 0, text.length) & mask
    while (slots[slot]! >= 0) slot = (slot + 1) & mask
    slots[slot] = index
  }
  return (bytes, start, end) => {
    for (let slot = hash(bytes, start, end) & mask; slots[slot]! >= 0; slot = (slot + 1) & mask) {
      const candidate = known[slots[slot]!]!
      if (candidate.length === end - start && matchBytes(bytes, start, candidate) === end) return slots[slot]!
    }
    return -1
  }
}

function hash(bytes: Uint8Array, start: number, end: number): number {
  let sum = end - start
  for (let i = start; i < end; i++) sum = Math.imul(sum, 31) + bytes[i]!
  return sum ^ (sum >>> 15)
}
