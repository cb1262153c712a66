import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelwatchError } from '../../../core/errors.ts'
import { SampleBuffer } from '../sample-buffer.ts'
import { chunkSamples, chunkSamplesMax, decodeChunk } from './chunk.ts'
import { bitsOf, columnOf, decoded, encoded, randomFrom } from './testing.ts'

const seed = Number(process.env.MODELWATCH_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
const fuzzCases = Number(process.env.MODELWATCH_FUZZ_CASES ?? 10_000)
console.log(`chunks: seed ${seed}; MODELWATCH_FUZZ_SEED runs it again, MODELWATCH_FUZZ_CASES says how many cases`)

const special = fc.constantFrom(
  0x7ff0000000000002n,
  0x7ff8000000000001n,
  0x7ff8000000000000n,
  0x8000000000000000n,
  0xfff0000000000000n,
  0n,
  1n,
)
const anyBits = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })

/** Values as metrics have them: counters and gauges of some digits, sums, floats, with resets, repeats and odd values strewn in. */
const shaped = fc
  .record({
    count: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 300 }) },
      { weight: 1, arbitrary: fc.constantFrom(2047, chunkSamplesMax) },
    ),
    kind: fc.constantFrom('counter', 'gauge', 'sum', 'float', 'float32', 'smooth'),
    digits: fc.integer({ min: 0, max: 12 }),
    factor: fc.constantFrom(1, 1, 1, 25, 4096, 2 ** 20),
    size: fc.constantFrom(1, 20, 1e3, 1e6, 1e12),
    start: fc.oneof(fc.constant(0), fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.maxSafeInteger()),
    oddEvery: fc.constantFrom(0, 0, 1.5, 3, 40, 200),
    odd: fc.array(fc.oneof({ weight: 9, arbitrary: special }, { weight: 1, arbitrary: anyBits }), { minLength: 1, maxLength: 9 }),
    repeats: fc.constantFrom(0, 0, 0.5, 0.9, 0.99),
    outliers: fc.constantFrom(0, 0, 0.01, 0.2),
    seed: fc.noBias(fc.integer()),
  })
  .map((shape) => {
    const { size, start, odd } = shape
    const random = randomFrom(shape.seed)
    const power = 10 ** shape.digits
    let sum = shape.kind === 'sum' ? 0 : Math.round(start)
    const next = (i: number): number | bigint => {
      if (shape.oddEvery > 0 && random() * shape.oddEvery < 1) return odd[i % odd.length]!
      const step = Math.floor(random() * size) * shape.factor
      if (random() < shape.outliers) sum = shape.kind === 'gauge' ? Math.floor(random() * 1e15) : 0
      if (shape.kind === 'gauge') return (sum + step) / power
      if (shape.kind === 'float') return start + random() * size
      if (shape.kind === 'float32') return Math.fround(start + random() * size)
      if (shape.kind === 'smooth') return start + size * Math.sin(i / 30)
      sum += shape.kind === 'sum' ? step / power : step
      return shape.kind === 'sum' ? sum : sum / power
    }
    const values: (number | bigint)[] = []
    for (let i = 0; i < shape.count; i++) values.push(i > 0 && random() < shape.repeats ? values[i - 1]! : next(i))
    return values
  })

const schedule = fc.record({
  startMs: fc.oneof(fc.constant(Date.UTC(2026, 10, 20)), fc.integer({ min: -(2 ** 40), max: 2 ** 40 })),
  stepMs: fc.constantFrom(1, 1000, 15_000, 3_600_000),
  jitterMs: fc.constantFrom(0, 0, 1, 20, 5000),
  gapEvery: fc.constantFrom(0, 0, 30, 100),
  seed: fc.noBias(fc.integer()),
})
type Schedule = typeof schedule extends fc.Arbitrary<infer T> ? T : never

function timesOf({ startMs, stepMs, jitterMs, gapEvery, seed }: Schedule, count: number): Float64Array {
  const random = randomFrom(seed)
  let lineMs = startMs
  return new Float64Array(count).map(() => {
    if (gapEvery > 0 && random() * gapEvery < 1) lineMs += Math.floor(random() * 1e9)
    lineMs += stepMs
    return lineMs + Math.floor(random() * Math.min(jitterMs, stepMs))
  })
}

test('what metrics look like is read back bit for bit', () => {
  fc.assert(
    fc.property(shaped, schedule, (values, times) => {
      const column = columnOf(values)
      const timesMs = timesOf(times, values.length)
      expect(decoded(encoded(timesMs, column))).toEqual({ timesMs: Array.from(timesMs), bits: bitsOf(column) })
    }),
    { numRuns: Math.ceil(fuzzCases * 0.15), seed, endOnFailure: true },
  )
})

test('any bits at any rising times are read back', () => {
  const gaps = fc.oneof(fc.nat(100), fc.nat(2 ** 31 - 1), fc.integer({ min: 2 ** 44, max: 2 ** 45 }))
  const sample = fc.tuple(gaps, fc.oneof(anyBits, special, fc.double()))
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), fc.array(sample, { minLength: 1, maxLength: 100 }), (startMs, samples) => {
      let timeMs = startMs
      const timesMs = Float64Array.from(samples, ([gapMs]) => {
        timeMs += gapMs + 1
        return timeMs
      })
      const column = columnOf(samples.map(([, value]) => value))
      expect(decoded(encoded(timesMs, column))).toEqual({ timesMs: Array.from(timesMs), bits: bitsOf(column) })
    }),
    { numRuns: Math.ceil(fuzzCases * 0.15), seed, endOnFailure: true },
  )
})

/** Decodes bytes that need not be a chunk: either all samples they announce come, at rising times, or the one error, and the buffer is as it was. */
function expectChunkOrError(bytes: Uint8Array, buffer: SampleBuffer): void {
  buffer.clear()
  try {
    decodeChunk(bytes, 0, bytes.length, buffer)
  } catch (error) {
    if (!(error instanceof ModelwatchError) || error.code !== 'MW_STORE_CHUNK') throw error
    if (buffer.length !== 0) throw new Error(`${buffer.length} samples came before the error`)
    return
  }
  if (buffer.length !== chunkSamples(bytes, 0)) throw new Error(`${buffer.length} samples of ${chunkSamples(bytes, 0)}`)
  for (let i = 1; i < buffer.length; i++) if (!(buffer.timesMs[i]! > buffer.timesMs[i - 1]!)) throw new Error(`times do not rise at ${i}`)
}

test('random bytes are a chunk or MW_STORE_CHUNK', () => {
  const buffer = new SampleBuffer(chunkSamplesMax)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => expectChunkOrError(bytes, buffer)),
    { numRuns: fuzzCases, seed, endOnFailure: true },
  )
})

test('damaged chunks are a chunk or MW_STORE_CHUNK', () => {
  const whole = fc.sample(
    fc.tuple(shaped, schedule).map(([values, times]) => encoded(timesOf(times, values.length), columnOf(values))),
    { numRuns: 200, seed },
  )
  const damage = fc.record({
    of: fc.nat(whole.length - 1),
    flips: fc.array(fc.record({ near: fc.boolean(), at: fc.nat(2 ** 16), to: fc.nat(255) }), { minLength: 1, maxLength: 4 }),
    cut: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(2 ** 16)),
  })
  const buffer = new SampleBuffer(chunkSamplesMax)
  fc.assert(
    fc.property(damage, ({ of, flips, cut }) => {
      const bytes = whole[of]!.slice(0, whole[of]!.length - (cut % whole[of]!.length))
      // Heads are where damage does most, so every other byte is one of the first.
      for (const { near, at, to } of flips) bytes[at % (near ? Math.min(24, bytes.length) : bytes.length)] = to
      expectChunkOrError(bytes, buffer)
    }),
    { numRuns: fuzzCases, seed, endOnFailure: true },
  )
})
