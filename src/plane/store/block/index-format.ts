/**
 * What `index` is made of. All numbers are little-endian; varints are those of ByteWriter.
 *
 *   0  8 bytes  "MWBLKIDX"
 *   8  u32      version
 *  12  u32      number of sections
 *  16  each:    u32 id, u32 codec (0 plain, 1 zstd), u32 stored bytes, u32 raw bytes, u32 CRC-32 of the stored bytes
 *      u32      CRC-32 of everything before
 *      the sections, in that order, without gaps
 */
export const INDEX_MAGIC = 'MWBLKIDX'
export const HEADER_BYTES = 16
export const ENTRY_BYTES = 20
export const SECTIONS_MAX = 64

/** Sections. Ids from OPTIONAL_FROM on may be skipped by those who do not know them; any other unknown id is refused. */
export const section = { base: 1, symbols: 2, pairs: 3, postings: 4, layouts: 5, series: 6, pieces: 7 } as const
export type SectionName = keyof typeof section
export const OPTIONAL_FROM = 128

export const codec = { plain: 0, zstd: 1 } as const

/** What a chunk holds: its samples are floats. Native histograms will be another kind; the low bits of a chunk's entry say which. */
export const KIND_FLOAT = 0
export const KINDS = 8

/** Sections up to this size are packed and unpacked at once; larger ones on the thread pool. */
export const INLINE_BYTES = 64 * 1024
