// Chunks of samples: bytes, encoding and decoding time a sample, beside Gorilla (XOR) and zstd of the raw columns. CHUNK_SAMPLES says how many
// samples a chunk has; BENCH_ROUNDS how often each shape is measured, of which the fastest counts.
import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { ByteSink } from '../src/plane/store/chunk/byte-sink.ts'
import { decodeChunk, encodeChunk } from '../src/plane/store/chunk/chunk.ts'
import { SampleBuffer } from '../src/plane/store/sample-buffer.ts'
import { dataShapes, type Series, type Shape, syntheticShapes } from './support/chunk-shapes.ts'
import { BitWriter, decodeGorilla, encodeGorilla } from './support/gorilla.ts'

const chunkSamples = Number(process.env.CHUNK_SAMPLES ?? 120)
const rounds = Number(process.env.BENCH_ROUNDS ?? 7)
const columns = ['bytes', 'encode', 'decode', 'gorilla', 'encode', 'decode', 'zstd raw', 'decode', 'chunk+zstd', 'decode'] as const
type Figures = readonly number[]

const shapes = [...syntheticShapes(), ...dataShapes(join(import.meta.dirname, '../../shared/data'))]
for (const shape of shapes.slice(0, 8)) measure(shape, 3) // Warms up: every mode has been compiled before the first figure.
console.log(`chunks of ${chunkSamples} samples: bytes a sample; nanoseconds a sample to encode and to decode; pages of 64 KiB for zstd\n`)
console.log(`${'shape'.padEnd(40)}${columns.map((column) => column.padStart(11)).join('')}`)
const weighted = columns.map(() => 0)
let weights = 0
for (const shape of shapes) {
  const figures = measure(shape, rounds)
  print(shape.name, figures)
  for (const [i, figure] of figures.entries()) weighted[i]! += figure * shape.weight
  weights += shape.weight
}
print(
  'plane.mjs, all its series',
  weighted.map((figure) => figure / weights),
)

function print(name: string, figures: Figures): void {
  console.log(`${name.padEnd(40)}${figures.map((figure) => figure.toFixed(2).padStart(11)).join('')}`)
}

function measure({ series }: Shape, times: number): Figures {
  const sink = new ByteSink(1 << 20)
  const buffer = new SampleBuffer(8192)
  const pieces = series.flatMap(({ timesMs, values }) => cut({ timesMs, values }))
  const samples = pieces.reduce((sum, piece) => sum + piece.timesMs.length, 0)
  const ends: number[] = []
  const repeat = Math.max(1, Math.ceil(30_000 / samples))
  const perSample = (run: () => void) => {
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < times; round++) {
      const start = performance.now()
      for (let k = 0; k < repeat; k++) run()
      best = Math.min(best, ((performance.now() - start) * 1e6) / samples / repeat)
    }
    return best
  }
  const encodeNs = perSample(() => {
    sink.clear()
    ends.length = 0
    for (const { timesMs, values } of pieces) {
      encodeChunk(timesMs, values, 0, timesMs.length, sink)
      ends.push(sink.length)
    }
  })
  const decodeNs = perSample(() => {
    let start = 0
    for (const end of ends) {
      buffer.clear()
      decodeChunk(sink.bytes, start, end - start, buffer)
      start = end
    }
  })

  const writer = new BitWriter()
  const gorillaNs = perSample(() => {
    for (const { timesMs, values } of pieces) encodeGorilla(timesMs, values, 0, timesMs.length, writer)
  })
  const gorillas = pieces.map(({ timesMs, values }) => writer.bytes.slice(0, encodeGorilla(timesMs, values, 0, timesMs.length, writer)))
  const gorillaBytes = gorillas.reduce((sum, { length }) => sum + length, 0)
  const ungorillaNs = perSample(() => {
    for (const bytes of gorillas) decodeGorilla(bytes, buffer.timesMs, buffer.values)
  })

  const raw = pagesOf(pieces.flatMap(({ timesMs, values }) => [bytesOf(timesMs), bytesOf(values)]))
  const packed = raw.map((page) => zstdCompressSync(page))
  const unzstdNs = perSample(() => {
    for (const page of packed) zstdDecompressSync(page)
  })
  const chunkPages = pagesOf([sink.bytes.subarray(0, sink.length)])
  const size = (pages: readonly Uint8Array[]) => pages.reduce((sum, { length }) => sum + length, 0) / samples
  const packedChunks = chunkPages.map((page) => zstdCompressSync(page))
  const unzstdChunksNs = perSample(() => {
    for (const page of packedChunks) zstdDecompressSync(page)
  })
  return [
    ...[sink.length / samples, encodeNs, decodeNs],
    ...[gorillaBytes / samples, gorillaNs, ungorillaNs],
    ...[size(packed), unzstdNs],
    ...[size(packedChunks), decodeNs + unzstdChunksNs],
  ]
}

function cut({ timesMs, values }: Series): Series[] {
  const pieces: Series[] = []
  for (let from = 0; from < timesMs.length; from += chunkSamples) {
    pieces.push({ timesMs: timesMs.slice(from, from + chunkSamples), values: values.slice(from, from + chunkSamples) })
  }
  return pieces
}

function bytesOf(column: Float64Array): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength)
}

function pagesOf(parts: readonly Uint8Array[]): Uint8Array[] {
  const all = Buffer.concat(parts)
  const pages: Uint8Array[] = []
  for (let from = 0; from < all.length; from += 65_536) pages.push(all.subarray(from, from + 65_536))
  return pages
}
