import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { Uint32List } from './bytes.ts'
import { pack } from './pack.ts'

/** Raw size at which a piece ends: one read brings some dozens of neighbouring series, and one damaged byte costs no more than those. */
export const PIECE_BYTES = 64 * 1024
/** Bytes behind each piece: the CRC-32 of what stands before them. */
export const CHECKSUM_BYTES = 4
/** A piece is kept compressed where that saves at least this share of it. */
const SAVING_RATIO_MIN = 0.03
/** Finished pieces that wait to be written. */
const PENDING_BYTES_MAX = 1024 * 1024

/** What the index keeps of the pieces: columns, one entry each. */
export interface PieceTable {
  readonly stored: Uint32List
  readonly raw: Uint32List
}

/**
 * Writes `data`: chunk after chunk, cut into pieces at chunk ends. A piece whose stored size equals its raw size is not compressed.
 *
 *   piece ─ stored bytes ─ CRC-32 │ piece ─ …
 */
export class PieceWriter {
  readonly table: PieceTable = { stored: new Uint32List(), raw: new Uint32List() }
  readonly #file: FileHandle
  #piece = new Uint8Array(PIECE_BYTES)
  #length = 0
  #pending = Buffer.allocUnsafeSlow(PENDING_BYTES_MAX)
  #pendingBytes = 0
  #writtenBytes = 0

  constructor(file: FileHandle) {
    this.#file = file
  }

  get writtenBytes(): number {
    return this.#writtenBytes
  }

  /** Whether the next `add` may have to wait; the caller awaits `flush` then. */
  get isFull(): boolean {
    return this.#length >= PIECE_BYTES
  }

  /** Adds one chunk. Copies it. */
  add(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#length + length > this.#piece.length) {
      const larger = new Uint8Array(Math.max(this.#length + length, this.#piece.length * 2))
      larger.set(this.#piece.subarray(0, this.#length))
      this.#piece = larger
    }
    this.#piece.set(bytes.subarray(offset, offset + length), this.#length)
    this.#length += length
  }

  /** Ends the piece that is open, and writes when enough has gathered. */
  async flush(): Promise<void> {
    if (this.#length === 0) return
    const raw = this.#piece.subarray(0, this.#length)
    const packed = pack(raw)
    const stored = packed.length <= raw.length * (1 - SAVING_RATIO_MIN) ? packed : raw
    this.table.stored.push(stored.length)
    this.table.raw.push(raw.length)
    if (this.#pendingBytes + stored.length + CHECKSUM_BYTES > PENDING_BYTES_MAX) await this.#write()
    if (stored.length + CHECKSUM_BYTES > this.#pending.length) this.#pending = Buffer.allocUnsafeSlow(stored.length + CHECKSUM_BYTES)
    this.#pending.set(stored, this.#pendingBytes)
    this.#pendingBytes += stored.length
    this.#pendingBytes = this.#pending.writeUInt32LE(crc32(stored), this.#pendingBytes)
    this.#length = 0
  }

  /** Writes the rest and waits until the disk has it. */
  async finish(): Promise<void> {
    await this.flush()
    await this.#write()
    await this.#file.sync()
  }

  async #write(): Promise<void> {
    if (this.#pendingBytes === 0) return
    // Goes on where the last one ended, and repeats a write that stopped half-way, so that a full disk says so.
    await this.#file.writeFile(this.#pending.subarray(0, this.#pendingBytes))
    this.#writtenBytes += this.#pendingBytes
    this.#pendingBytes = 0
  }
}
