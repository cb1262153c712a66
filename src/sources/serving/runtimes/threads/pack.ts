import type { Column, Columns } from '../../../../watch/index.ts'

/**
 * Columns as they travel between threads: all values of 8 bytes, then the bytes of all pictures, in one buffer, which is moved rather than
 * copied again. A message of a dozen arrays costs half as much again as one buffer.
 */
export interface PackedColumns {
  readonly rows: number
  /** A letter a column: d float64, i int64, u uint64, t text, b bytes. */
  readonly kinds: string
  /** Values of each column. */
  readonly lengths: readonly number[]
  readonly texts: readonly (readonly string[])[]
  /** By column of pictures, the bytes of each. */
  readonly sizes: readonly (readonly number[])[]
  readonly buffer: ArrayBuffer
}

const WIDTH = 8
type Wide = Float64Array | BigInt64Array | BigUint64Array
const wideArrays = { d: Float64Array, i: BigInt64Array, u: BigUint64Array } as const

const kindOf = (column: Column): string =>
  column instanceof Float64Array
    ? 'd'
    : column instanceof BigInt64Array
      ? 'i'
      : column instanceof BigUint64Array
        ? 'u'
        : (column[0] as unknown) instanceof Uint8Array
          ? 'b'
          : 't'

/** Copies columns into a message; they stay as they are. An empty column of pictures comes out as one of text, for nothing tells them apart. */
export function pack({ rows, values }: Columns): PackedColumns {
  let kinds = ''
  let wideBytes = 0
  let pictureBytes = 0
  const lengths: number[] = []
  const texts: (readonly string[])[] = []
  const sizes: number[][] = []
  for (const column of values) {
    const kind = kindOf(column)
    kinds += kind
    lengths.push(column.length)
    if (kind === 't') texts.push(column as readonly string[])
    else if (kind === 'b') {
      const each = (column as readonly Uint8Array[]).map(({ length }) => length)
      for (const size of each) pictureBytes += size
      sizes.push(each)
    } else wideBytes += column.length * WIDTH
  }

  const buffer = new ArrayBuffer(wideBytes + pictureBytes)
  let at = 0
  let pictureAt = wideBytes // Behind all others, so that those stay aligned.
  for (const [i, column] of values.entries()) {
    const kind = kinds[i]
    if (kind === 't') continue
    if (kind === 'b') {
      for (const picture of column as readonly Uint8Array[]) {
        new Uint8Array(buffer, pictureAt, picture.length).set(picture)
        pictureAt += picture.length
      }
      continue
    }
    new wideArrays[kind as keyof typeof wideArrays](buffer, at, column.length).set(column as never)
    at += column.length * WIDTH
  }
  return { rows, kinds, lengths, texts, sizes, buffer }
}

/** The columns of a message, as views of its buffer; pictures in buffers of their own, as everywhere. */
export function unpack({ rows, kinds, lengths, texts, sizes, buffer }: PackedColumns): Columns {
  let at = 0
  let text = 0
  const wide: (Wide | undefined)[] = lengths.map((length, i) => {
    const kind = kinds[i]!
    if (kind === 't' || kind === 'b') return undefined
    at += length * WIDTH
    return new wideArrays[kind as keyof typeof wideArrays](buffer, at - length * WIDTH, length)
  })
  let picture = 0
  const values = wide.map((column, i): Column => {
    if (column !== undefined) return column
    if (kinds[i] === 't') return texts[text++]!
    return sizes[picture++]!.map((size) => {
      at += size
      return new Uint8Array(buffer.slice(at - size, at))
    })
  })
  return { rows, values }
}
