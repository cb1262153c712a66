import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { constants, crc32, zstdCompress } from 'node:zlib'
import { Uint32List } from './bytes.ts'

/** Raw size at which a piece ends: one read brings some dozens of neighbouring series, and one damaged byte costs no more than those. */
export const PIECE_BYTES = 64 * 1024
/** Bytes behind each piece: the CRC-32 of what stands before them. */
export const CHECKSUM_BYTES = 4
/** A piece is kept compressed where that saves at least this share of it. */
const SAVING_RATIO_MIN = 0.03
/** Finished pieces that wait to be written. */
const PENDING_BYTES_MAX = 1024 * 1024

const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 3 } }
const compress = promisify(zstdCompress)

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
  #pending: Uint8Array[] = []
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
    const raw = this.#piece.slice(0, this.#length)
    this.#length = 0
    const packed = await compress(raw, zstdOptions)
    const stored = packed.length <= raw.length * (1 - SAVING_RATIO_MIN) ? packed : raw
    this.table.stored.push(stored.length)
    this.table.raw.push(raw.length)
    const checksum = new Uint8Array(CHECKSUM_BYTES)
    new DataView(checksum.buffer).setUint32(0, crc32(stored), true)
    this.#pending.push(stored, checksum)
    this.#pendingBytes += stored.length + CHECKSUM_BYTES
    if (this.#pendingBytes >= PENDING_BYTES_MAX) await this.#write()
  }

  /** Writes the rest and waits until the disk has it. */
  async finish(): Promise<void> {
    await this.flush()
    await this.#write()
    await this.#file.sync()
  }

  async #write(): Promise<void> {
    if (this.#pending.length === 0) return
    const bytes = Buffer.concat(this.#pending)
    this.#pending = []
    this.#pendingBytes = 0
    // Goes on where the last one ended, and repeats a write that stopped half-way, so that a full disk says so.
    await this.#file.writeFile(bytes)
    this.#writtenBytes += bytes.length
  }
}
