/** What one entry costs beside its bytes, about. */
const ENTRY_BYTES = 160

/** Unpacked pieces of all blocks that were read lately, the least recently used going first. */
export class PieceCache {
  readonly #bytesMax: number
  readonly #entries = new Map<string, Uint8Array>()
  #bytes = 0
  hits = 0
  misses = 0

  /** @param bytesMax - What the cache holds at most; 0 keeps nothing. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get(block: string, piece: number): Uint8Array | undefined {
    const key = keyOf(block, piece)
    const found = this.#entries.get(key)
    if (found === undefined) {
      this.misses++
      return undefined
    }
    this.hits++
    this.#entries.delete(key)
    this.#entries.set(key, found)
    return found
  }

  add(block: string, piece: number, bytes: Uint8Array): void {
    const key = keyOf(block, piece)
    if (this.#entries.has(key) || bytes.length + ENTRY_BYTES > this.#bytesMax) return
    this.#entries.set(key, bytes)
    this.#bytes += bytes.length + ENTRY_BYTES
    for (const [oldest, old] of this.#entries) {
      if (this.#bytes <= this.#bytesMax) break
      this.#entries.delete(oldest)
      this.#bytes -= old.length + ENTRY_BYTES
    }
  }

  /** Forgets the pieces of a block that is gone. */
  forget(block: string): void {
    for (const [key, bytes] of this.#entries) {
      if (!key.startsWith(`${block}:`)) continue
      this.#entries.delete(key)
      this.#bytes -= bytes.length + ENTRY_BYTES
    }
  }
}

function keyOf(block: string, piece: number): string {
  return `${block}:${piece}`
}
