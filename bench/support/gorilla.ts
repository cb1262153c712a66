// The encoding of Facebook's Gorilla paper (VLDB 2015, section 4.1), as a yardstick: times as differences of differences, values XORed with the
// one before. Only what a comparison needs.

export class BitWriter {
  readonly bytes = new Uint8Array(1 << 20)
  bits = 0

  put(value: number, width: number): void {
    for (let left = width; left > 0; ) {
      const free = 8 - (this.bits & 7)
      const take = Math.min(free, left)
      const part = (value >>> (left - take)) & ((1 << take) - 1)
      const place = this.bits >>> 3
      this.bytes[place] = (free === 8 ? 0 : this.bytes[place]!) | (part << (free - take))
      this.bits += take
      left -= take
    }
  }
}

/** @returns Bytes of one chunk. */
export function encodeGorilla(timesMs: Float64Array, values: Float64Array, from: number, to: number, writer: BitWriter): number {
  writer.bits = 0
  const words = new Uint32Array(values.buffer, values.byteOffset + from * 8, (to - from) * 2)
  writer.put(Math.floor(timesMs[from]! / 2 ** 32), 32)
  writer.put(timesMs[from]! >>> 0, 32)
  writer.put(to - from, 16)
  writer.put(words[1]!, 32)
  writer.put(words[0]!, 32)
  let step = 0
  let leading = 64
  let trailing = 0
  for (let i = 1; i < to - from; i++) {
    const difference = timesMs[from + i]! - timesMs[from + i - 1]!
    putBend(writer, difference - step)
    step = difference
    const high = (words[2 * i + 1]! ^ words[2 * i - 1]!) >>> 0
    const low = (words[2 * i]! ^ words[2 * i - 2]!) >>> 0
    if (high === 0 && low === 0) {
      writer.put(0, 1)
      continue
    }
    const zerosBefore = Math.min(31, high === 0 ? 32 + Math.clz32(low) : Math.clz32(high))
    const zerosBehind = low === 0 ? 32 + 31 - Math.clz32(high & -high) : 31 - Math.clz32(low & -low)
    if (zerosBefore >= leading && zerosBehind >= trailing) writer.put(0b10, 2)
    else {
      leading = zerosBefore
      trailing = zerosBehind
      writer.put(0b11, 2)
      writer.put(leading, 5)
      writer.put((64 - leading - trailing) & 63, 6)
    }
    putRange(writer, high, low, leading, trailing)
  }
  return (writer.bits + 7) >>> 3
}

function putBend(writer: BitWriter, bend: number): void {
  if (bend === 0) writer.put(0, 1)
  else if (bend >= -8191 && bend <= 8192) writer.put((0b10 << 14) | (bend & 0x3fff), 16)
  else if (bend >= -65535 && bend <= 65536) {
    writer.put(0b110, 3)
    writer.put(bend & 0x1ffff, 17)
  } else {
    writer.put(0b1111, 4)
    writer.put(Math.floor(bend / 2 ** 32), 32)
    writer.put(bend >>> 0, 32)
  }
}

/** The bits of a 64-bit word between `leading` and `trailing`. */
function putRange(writer: BitWriter, high: number, low: number, leading: number, trailing: number): void {
  const inHigh = 32 - leading - Math.max(0, trailing - 32)
  if (inHigh > 0) writer.put(high >>> Math.max(0, trailing - 32), inHigh)
  if (trailing < 32) writer.put(low >>> trailing, Math.min(32, 64 - leading) - trailing)
}

class BitReader {
  private readonly bytes: Uint8Array
  private bits = 0
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  get(width: number): number {
    let value = 0
    for (let left = width; left > 0; ) {
      const free = 8 - (this.bits & 7)
      const take = Math.min(free, left)
      value = (value << take) | ((this.bytes[this.bits >>> 3]! >>> (free - take)) & ((1 << take) - 1))
      this.bits += take
      left -= take
    }
    return value >>> 0
  }
}

/** @returns Number of samples read into the columns. */
export function decodeGorilla(bytes: Uint8Array, timesMs: Float64Array, values: Float64Array): number {
  const reader = new BitReader(bytes)
  const words = new Uint32Array(values.buffer)
  let timeMs = reader.get(32) * 2 ** 32 + reader.get(32)
  const count = reader.get(16)
  let high = reader.get(32)
  let low = reader.get(32)
  let step = 0
  let leading = 0
  let trailing = 0
  timesMs[0] = timeMs
  words[0] = low
  words[1] = high
  for (let i = 1; i < count; i++) {
    if (reader.get(1) === 1) {
      if (reader.get(1) === 0) step += (reader.get(14) << 18) >> 18
      // biome-ignore lint/suspicious/noDuplicateElseIf: each call reads a further bit.
      else if (reader.get(1) === 0) step += (reader.get(17) << 15) >> 15
      else {
        reader.get(1)
        step += (reader.get(32) | 0) * 2 ** 32 + reader.get(32)
      }
    }
    timesMs[i] = timeMs += step
    if (reader.get(1) === 1) {
      if (reader.get(1) === 1) {
        leading = reader.get(5)
        trailing = 64 - leading - (reader.get(6) || 64)
      }
      const inHigh = 32 - leading - Math.max(0, trailing - 32)
      if (inHigh > 0) high = (high ^ (reader.get(inHigh) << Math.max(0, trailing - 32))) >>> 0
      if (trailing < 32) low = (low ^ (reader.get(Math.min(32, 64 - leading) - trailing) << trailing)) >>> 0
    }
    words[2 * i] = low
    words[2 * i + 1] = high
  }
  return count
}
