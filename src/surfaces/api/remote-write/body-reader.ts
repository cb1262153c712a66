import type { IncomingMessage } from 'node:http'
import { remoteWriteErrors } from './errors.ts'

/** Buffers that wait for the next request, and the largest that does. */
const IDLE_MAX = 4
const IDLE_BYTES_MAX = 4 << 20
const FIRST_BYTES = 64 << 10

/**
 * Reads bodies into buffers that are used again. What the usual way allocates for a body, pieces and then the whole, lies outside of the JavaScript
 * heap, and makes the garbage collector run far more often than the heap itself would.
 */
export class BodyReader {
  readonly #bytesMax: number
  readonly #msMax: number
  readonly #idle: Buffer[] = []

  /** @param bytesMax - Largest body that is read. @param msMax - Longest time it may take to come. */
  constructor({ bytesMax, msMax }: { bytesMax: number; msMax: number }) {
    this.#bytesMax = bytesMax
    this.#msMax = msMax
  }

  /**
   * @returns the body, which stays as it is until it is given to `release`.
   * @throws MW_REMOTE_WRITE_TOO_LARGE, MW_REMOTE_WRITE_SLOW; what the stream says when it breaks off.
   */
  read(payload: IncomingMessage): Promise<Buffer> {
    const expected = Number(payload.headers['content-length'] ?? 0)
    let buffer = this.#take(Math.min(Math.max(expected, FIRST_BYTES), this.#bytesMax))
    let length = 0
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        fail(remoteWriteErrors.MW_REMOTE_WRITE_SLOW(`${length} bytes came in ${this.#msMax} ms, and not the end of the request`))
      }, this.#msMax)
      let done = false
      const fail = (error: Error) => {
        if (done) return
        done = true
        clearTimeout(timer)
        payload.off('data', onData)
        payload.off('end', onEnd)
        this.release(buffer)
        reject(error)
      }
      const onData = (piece: Buffer) => {
        const needed = length + piece.length
        if (needed > this.#bytesMax) {
          payload.resume() // The rest is read and thrown away, so that the answer arrives.
          fail(remoteWriteErrors.MW_REMOTE_WRITE_TOO_LARGE(`the request has more than ${this.#bytesMax} bytes`))
          return
        }
        if (needed > buffer.length) {
          const larger = this.#take(Math.min(Math.max(needed, buffer.length * 2), this.#bytesMax))
          buffer.copy(larger, 0, 0, length)
          this.release(buffer)
          buffer = larger
        }
        piece.copy(buffer, length)
        length = needed
      }
      const onEnd = () => {
        done = true
        clearTimeout(timer)
        resolve(buffer.subarray(0, length))
      }
      payload.on('data', onData)
      payload.once('end', onEnd)
      // A stream may also break after its end; by then the body is the caller's.
      payload.on('error', fail)
    })
  }

  /** Gives a body's memory back. @param body - Of `read`; it must not be looked at any more. */
  release(body: Buffer): void {
    if (this.#idle.length >= IDLE_MAX || body.buffer.byteLength > IDLE_BYTES_MAX) return
    this.#idle.push(Buffer.from(body.buffer))
  }

  #take(bytes: number): Buffer {
    const at = this.#idle.findIndex((buffer) => buffer.length >= bytes)
    if (at >= 0) return this.#idle.splice(at, 1)[0]!
    // All that wait are smaller than what is asked for now: the next may be like this one.
    this.#idle.shift()
    return Buffer.allocUnsafeSlow(bytes)
  }
}
