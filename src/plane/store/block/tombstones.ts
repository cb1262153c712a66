import { readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import type { TimeRange } from '../contract.ts'
import { ByteReader, ByteWriter, damaged } from './bytes.ts'
import { codeOf, passingReadError, syncFolder, UNFINISHED, writeDurably } from './files.ts'
import { BLOCK_VERSION, newerVersion } from './meta.ts'

export const TOMBSTONES_FILE = 'tombstones'
const MAGIC = 'MWTOMBST'
const HEADER_BYTES = 12

/** What was deleted of a block, by series: ranges in order, apart from each other. Both ends of a range are deleted too. */
export type Tombstones = ReadonlyMap<number, readonly TimeRange[]>

/** Ranges sorted, and those that meet joined into one. */
export function joinRanges(ranges: readonly TimeRange[]): TimeRange[] {
  const joined: TimeRange[] = []
  for (const range of [...ranges].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = joined.at(-1)
    if (last === undefined || range.fromMs > last.toMs + 1) joined.push(range)
    else if (range.toMs > last.toMs) joined[joined.length - 1] = { fromMs: last.fromMs, toMs: range.toMs }
  }
  return joined
}

/** Whether one of the ranges covers all of [fromMs, toMs]. @param ranges - As `joinRanges` makes them. */
export function covers(ranges: readonly TimeRange[], fromMs: number, toMs: number): boolean {
  return ranges.some((range) => range.fromMs <= fromMs && range.toMs >= toMs)
}

/** Whether one of the ranges touches [fromMs, toMs]. */
export function touches(ranges: readonly TimeRange[], fromMs: number, toMs: number): boolean {
  return ranges.some((range) => range.fromMs <= toMs && range.toMs >= fromMs)
}

/**
 * The file of a block's tombstones: an empty map when there is none.
 *
 *   0  8 bytes "MWTOMBST" │ u32 version │ f64 base │ varint series, each: varint series − previous − 1, varint ranges, each: varint begin − end of
 *   the one before (or base), varint length │ u32 CRC-32 of all before
 *
 * @throws MW_STORE_BLOCK_DAMAGED, MW_STORE_BLOCK_VERSION
 */
export async function readTombstones(path: string, seriesCount: number): Promise<Tombstones> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return new Map()
    throw passingReadError(error, path) ?? damaged(path, `it cannot be read (${codeOf(error)})`, error)
  }
  return parseTombstones(bytes, path, seriesCount)
}

export function parseTombstones(bytes: Buffer, path: string, seriesCount: number): Tombstones {
  const end = bytes.length - 4
  if (end < HEADER_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) throw damaged(path, `it does not begin with ${MAGIC}`)
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) throw damaged(path, 'its checksum is wrong')
  if (bytes.readUInt32LE(8) > BLOCK_VERSION) throw newerVersion(path, bytes.readUInt32LE(8))
  const reader = new ByteReader(bytes, { file: path, part: TOMBSTONES_FILE }, HEADER_BYTES, end)
  const baseMs = reader.float64()
  const tombstones = new Map<number, TimeRange[]>()
  let series = -1
  for (let left = reader.count(4); left > 0; left--) {
    series += reader.varint() + 1
    if (series >= seriesCount) throw reader.damaged(`series ${series} where there are ${seriesCount}`)
    const ranges: TimeRange[] = []
    let timeMs = baseMs
    for (let more = reader.count(2); more > 0; more--) {
      const fromMs = timeMs + reader.varint()
      timeMs = fromMs + reader.varint()
      if (!Number.isSafeInteger(timeMs)) throw reader.damaged(`a range ends at ${timeMs}`)
      ranges.push({ fromMs, toMs: timeMs })
    }
    tombstones.set(series, ranges)
  }
  reader.finish()
  return tombstones
}

/** @param baseMs - No range begins before it. */
export function formatTombstones(tombstones: Tombstones, baseMs: number): Uint8Array {
  const out = new ByteWriter()
  out.raw(Buffer.from(MAGIC, 'latin1'))
  const version = Buffer.alloc(4)
  version.writeUInt32LE(BLOCK_VERSION)
  out.raw(version)
  out.float64(baseMs)
  out.varint(tombstones.size)
  let last = -1
  for (const [series, ranges] of [...tombstones].sort(([a], [b]) => a - b)) {
    out.varint(series - last - 1)
    last = series
    out.varint(ranges.length)
    let timeMs = baseMs
    for (const { fromMs, toMs } of ranges) {
      out.varint(fromMs - timeMs)
      out.varint(toMs - fromMs)
      timeMs = toMs
    }
  }
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32LE(crc32(out.view()))
  out.raw(checksum)
  return out.view()
}

/** Puts a new file in the place of the old one, at once and for good. */
export async function writeTombstones(path: string, tombstones: Tombstones, baseMs: number): Promise<void> {
  const unfinished = `${path}${UNFINISHED}`
  await rm(unfinished, { force: true })
  try {
    await writeDurably(unfinished, [formatTombstones(tombstones, baseMs)])
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}
