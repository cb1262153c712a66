import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { damaged } from './bytes.ts'
import { blockErrors } from './errors.ts'

/** Version of the layout of a block's files that is written; older ones are read, newer ones refused. */
export const BLOCK_VERSION = 1
export const META_FILE = 'meta.json'

/** What a block is, as `meta.json` keeps it. */
export interface BlockMeta {
  readonly version: number
  /** Sorts by the time of writing, and is never given twice. Also the name of the folder. */
  readonly id: string
  /** `block`: a time range, served. `checkpoint`: the memory of a store, as its log stood at `walSegment`. */
  readonly kind: 'block' | 'checkpoint'
  /** Times of the first and of the last sample. NaN does not occur: where no series has a sample both are 0. */
  readonly minMs: number
  readonly maxMs: number
  readonly samples: number
  readonly series: number
  readonly chunks: number
  /** 1 when it came from memory, 1 more than the highest of its sources after a compaction. */
  readonly level: number
  /** Blocks that this one replaces. */
  readonly sources: readonly string[]
  /** Those of the sources in which something could not be read; they are kept in the quarantine folder. */
  readonly damagedSources: readonly string[]
  readonly walSegment?: number
  readonly createdMs: number
  /** When the newest of its content left memory; of two samples of one time, that of the block with the smaller one counts. */
  readonly contentMs: number
  /** Other files of the folder, with what is expected of each. `data` is checked piece by piece instead. */
  readonly files: Readonly<Record<string, BlockFile>>
  /** Whatever the writer wished to keep. */
  readonly extra?: unknown
}

export interface BlockFile {
  readonly bytes: number
  /** CRC-32 of the whole file. */
  readonly crc32?: number
}

/** The text of `meta.json`: the object, and before it the CRC-32 of its text. */
export function formatMeta(meta: BlockMeta): string {
  const text = JSON.stringify(meta)
  return `{"crc32":"${checksumOf(text)}","meta":${text}}\n`
}

/**
 * @param file - The path, for the message.
 * @throws MW_STORE_BLOCK_DAMAGED, MW_STORE_BLOCK_VERSION
 */
export function parseMeta(text: string, file: string): BlockMeta {
  const match = /^\{"crc32":"([0-9a-f]{8})","meta":(.*)\}\n$/s.exec(text)
  if (match === null) throw damaged(file, 'it is not of the form {"crc32":…,"meta":…}')
  const [, checksum, body] = match as unknown as [string, string, string]
  if (checksumOf(body) !== checksum) throw damaged(file, `its checksum is ${checksumOf(body)}, and ${checksum} was expected`)
  let meta: Partial<BlockMeta>
  try {
    meta = JSON.parse(body) as Partial<BlockMeta>
  } catch (error) {
    throw damaged(file, 'its text is no JSON', error)
  }
  if (typeof meta !== 'object' || meta === null) throw damaged(file, 'it holds no object')
  if (Number.isSafeInteger(meta.version) && meta.version! > BLOCK_VERSION) throw newerVersion(file, meta.version!)
  for (const [key, isRight] of Object.entries(shape)) {
    if (!isRight((meta as Record<string, unknown>)[key]))
      throw damaged(file, `its ${key} is ${JSON.stringify(meta[key as keyof BlockMeta])}`)
  }
  return meta as BlockMeta
}

export function newerVersion(file: string, version: number): Error {
  return blockErrors.MW_STORE_BLOCK_VERSION(`${file} is of version ${version}; this modelwatch reads versions up to ${BLOCK_VERSION}`)
}

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0
const isTime = (value: unknown) => Number.isSafeInteger(value)
const isIds = (value: unknown) => Array.isArray(value) && value.every((id) => typeof id === 'string')
const isFile = (value: unknown) =>
  typeof value === 'object' && value !== null && isCount((value as BlockFile).bytes) && isCount((value as BlockFile).crc32 ?? 0)

const shape: Readonly<Record<Exclude<keyof BlockMeta, 'extra'>, (value: unknown) => boolean>> = {
  version: isCount,
  id: (value) => typeof value === 'string' && value !== '',
  kind: (value) => value === 'block' || value === 'checkpoint',
  minMs: isTime,
  maxMs: isTime,
  samples: isCount,
  series: isCount,
  chunks: isCount,
  level: isCount,
  sources: isIds,
  damagedSources: isIds,
  walSegment: (value) => value === undefined || isCount(value),
  createdMs: isTime,
  contentMs: isTime,
  files: (value) =>
    typeof value === 'object' && value !== null && Object.values(value).every(isFile) && 'index' in value && 'data' in value,
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}

/** Time and number of the last id: ids of one process sort as they were made, even within one millisecond or when the clock is set back. */
let last = { timeMs: 0, number: 0 }

/** A new block id: time, number within the millisecond, and chance, so that two processes never meet. */
export function createBlockId(nowMs: number): string {
  last = nowMs > last.timeMs ? { timeMs: nowMs, number: 0 } : { timeMs: last.timeMs, number: last.number + 1 }
  return `${last.timeMs.toString(36).padStart(9, '0')}-${last.number.toString(36).padStart(4, '0')}-${randomBytes(4).toString('hex')}`
}

/** Which folders of a data folder are blocks. */
export function isBlockId(name: string): boolean {
  return /^[0-9a-z]{9,}-[0-9a-z]{4,}-[0-9a-f]{8}$/.test(name)
}

/** Sorts blocks so that those whose samples count, where two have one of the same time, stand first. */
export function byPrecedence(a: BlockMeta, b: BlockMeta): number {
  return a.contentMs - b.contentMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
}
