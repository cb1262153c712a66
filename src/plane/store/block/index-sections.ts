import { promisify } from 'node:util'
import { crc32, zstdDecompress, zstdDecompressSync } from 'node:zlib'
import { messageOf } from '../../../core/errors.ts'
import { ByteReader, damaged } from './bytes.ts'
import {
  codec,
  ENTRY_BYTES,
  HEADER_BYTES,
  INDEX_MAGIC,
  INLINE_BYTES,
  OPTIONAL_FROM,
  SECTIONS_MAX,
  type SectionName,
  section,
} from './index-format.ts'
import { BLOCK_VERSION, newerVersion } from './meta.ts'

const decompress = promisify(zstdDecompress)
const nameOf = new Map<number, SectionName>(Object.entries(section).map(([name, id]) => [id, name as SectionName]))

/**
 * Takes the file `index` apart: checks every checksum and unpacks every section.
 * @throws MW_STORE_BLOCK_DAMAGED, MW_STORE_BLOCK_VERSION
 */
export async function readSections(bytes: Buffer, file: string): Promise<Record<SectionName, ByteReader>> {
  if (bytes.length < HEADER_BYTES) throw damaged(file, `it has ${bytes.length} bytes, fewer than its header`)
  if (bytes.toString('latin1', 0, 8) !== INDEX_MAGIC) throw damaged(file, `it does not begin with ${INDEX_MAGIC}`)
  const count = bytes.readUInt32LE(12)
  const headerBytes = HEADER_BYTES + count * ENTRY_BYTES
  if (count > SECTIONS_MAX || bytes.length < headerBytes + 4) throw damaged(file, `offset 12: ${count} sections are announced`)
  if (crc32(bytes.subarray(0, headerBytes)) !== bytes.readUInt32LE(headerBytes)) throw damaged(file, 'the checksum of its header is wrong')
  const version = bytes.readUInt32LE(8)
  if (version > BLOCK_VERSION) throw newerVersion(file, version)

  const found: Partial<Record<SectionName, ByteReader>> = {}
  let offset = headerBytes + 4
  for (let i = 0; i < count; i++) {
    const [id, how, storedBytes, rawBytes, checksum] = Array.from({ length: 5 }, (_, j) =>
      bytes.readUInt32LE(HEADER_BYTES + i * ENTRY_BYTES + j * 4),
    ) as [number, number, number, number, number]
    const name = nameOf.get(id)
    if (name === undefined && id < OPTIONAL_FROM) throw damaged(file, `section ${id} is not known`)
    const part = name ?? `section ${id}`
    if (offset + storedBytes > bytes.length)
      throw damaged(file, `${part}, offset ${offset}: it is cut off; the file has ${bytes.length} bytes`)
    const stored = bytes.subarray(offset, offset + storedBytes)
    if (crc32(stored) !== checksum) throw damaged(file, `${part}, offset ${offset}: its checksum is wrong`)
    if (name !== undefined) found[name] = new ByteReader(await unpack(stored, { how, rawBytes, file, part, offset }), { file, part })
    offset += storedBytes
  }
  if (offset !== bytes.length) throw damaged(file, `offset ${offset}: ${bytes.length - offset} bytes too many`)
  for (const name of nameOf.values()) if (found[name] === undefined) throw damaged(file, `section ${name} is missing`)
  return found as Record<SectionName, ByteReader>
}

interface Packed {
  readonly how: number
  readonly rawBytes: number
  readonly file: string
  readonly part: string
  readonly offset: number
}

async function unpack(stored: Uint8Array, { how, rawBytes, file, part, offset }: Packed): Promise<Uint8Array> {
  if (how === codec.plain && stored.length === rawBytes) return stored
  if (how !== codec.zstd) throw damaged(file, `${part}, offset ${offset}: packed in way ${how}, ${stored.length} bytes for ${rawBytes}`)
  let raw: Uint8Array
  try {
    const options = { maxOutputLength: Math.max(1, rawBytes) }
    raw = rawBytes > INLINE_BYTES ? await decompress(stored, options) : zstdDecompressSync(stored, options)
  } catch (error) {
    throw damaged(file, `${part}, offset ${offset}: it cannot be unpacked (${messageOf(error)})`, error)
  }
  if (raw.length !== rawBytes) throw damaged(file, `${part}, offset ${offset}: it unpacks to ${raw.length} bytes, not ${rawBytes}`)
  return raw
}
