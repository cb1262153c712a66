import { getRandomValues } from 'node:crypto'

/** Which prediction an id names, and the number that shows the id was not guessed. */
export interface PredictionKey {
  /** Counts predictions from 0; below 2^40. */
  readonly sequence: number
  /** 32 random bits. */
  readonly nonce: number
}

/**
 * Ids of predictions: UUIDs of version 8 (RFC 9562) that carry what finds the prediction again, so that nothing need be kept per id.
 *
 *   pppppppp-pppp-8sss-9sss-ssssnnnnnnnn     p: 48 random bits of this source, s: 40 bits of sequence, n: 32 random bits
 */
export interface PredictionIds {
  format(key: PredictionKey): string
  /**
   * Ids of predictions in a row, as ASCII, each with a comma behind it: made as bytes, a hundred cost a fifth of as many strings.
   * @param sequence - Of the first. @param nonces - One each.
   */
  formatMany(sequence: number, nonces: Uint32Array): string
  /** @returns undefined for an id that this source did not make. */
  parse(id: string): PredictionKey | undefined
  /** Fresh random bits for the next id, an unsigned 32-bit number. */
  nonce(): number
}

const SEQUENCE_MAX = 2 ** 40
const NONCES_AT_ONCE = 1024
/** Ids of so many predictions in a row begin alike. */
const BLOCK = 2 ** 16

/** Two digits for each byte: an id is made for each row of each answer, and formatting numbers would be most of what that costs. */
const byteTexts = Array.from({ length: 256 }, (_, byte) => hex(byte, 2))
const byteText = (word: number, shift: number) => byteTexts[(word >>> shift) & 0xff]!

/** Characters of an id; of its beginning, which a block shares. */
export const ID_LENGTH = 36
const HEAD_LENGTH = 24
const COMMA = 0x2c
const hexCodes = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0))

/** The lowest digits of a number. @param digits - At most 8. */
function writeHex(bytes: Uint8Array, at: number, value: number, digits: number): void {
  for (let k = 0, shift = (digits - 1) * 4; k < digits; k++, shift -= 4) bytes[at + k] = hexCodes[(value >>> shift) & 0xf]!
}

export function createPredictionIds(): PredictionIds {
  const [a, b] = getRandomValues(new Uint32Array(2))
  const prefix = `${hex(a!, 8)}-${hex(b! >>> 16, 4)}-8`
  const nonces = new Uint32Array(NONCES_AT_ONCE)
  let used = NONCES_AT_ONCE
  let knownBlock = -1
  let head = ''
  const headOf = (count: number): string => {
    const block = Math.floor(count / BLOCK)
    if (block !== knownBlock) {
      const digits = hex(block, 6)
      head = `${prefix}${digits.slice(0, 3)}-9${digits.slice(3)}-`
      knownBlock = block
    }
    return head
  }
  return {
    format({ sequence, nonce }) {
      const count = sequence % SEQUENCE_MAX
      return (
        headOf(count) +
        byteTexts[(count >>> 8) & 0xff]! +
        byteTexts[count & 0xff]! +
        byteText(nonce, 24) +
        byteText(nonce, 16) +
        byteText(nonce, 8) +
        byteText(nonce, 0)
      )
    },
    formatMany(sequence, nonces) {
      const bytes = Buffer.allocUnsafe(nonces.length * (ID_LENGTH + 1))
      let at = 0
      for (let i = 0; i < nonces.length; i++) {
        const count = (sequence + i) % SEQUENCE_MAX
        if (i === 0 || count % BLOCK === 0) bytes.write(headOf(count), at, 'latin1')
        else bytes.copyWithin(at, at - ID_LENGTH - 1, at - ID_LENGTH - 1 + HEAD_LENGTH)
        writeHex(bytes, at + HEAD_LENGTH, count, 4)
        writeHex(bytes, at + HEAD_LENGTH + 4, nonces[i]!, 8)
        bytes[at + ID_LENGTH] = COMMA
        at += ID_LENGTH + 1
      }
      return bytes.toString('latin1', 0, at)
    },
    parse(id) {
      if (id.length !== ID_LENGTH || !id.startsWith(prefix) || id.slice(18, 20) !== '-9' || id[23] !== '-') return undefined
      const digits = `${id.slice(15, 18)}${id.slice(20, 23)}${id.slice(24, 28)}`
      const nonce = id.slice(28)
      if (!/^[0-9a-f]{10}$/.test(digits) || !/^[0-9a-f]{8}$/.test(nonce)) return undefined
      return { sequence: Number.parseInt(digits, 16), nonce: Number.parseInt(nonce, 16) }
    },
    nonce() {
      if (used === NONCES_AT_ONCE) {
        getRandomValues(nonces)
        used = 0
      }
      return nonces[used++]!
    },
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
