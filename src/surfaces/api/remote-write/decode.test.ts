import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelwatchError } from '../../../core/errors.ts'
import { STALE_NAN_BITS } from '../../../plane/store/index.ts'
import { WriteRequestReader } from './decode.ts'
import { SnappyDecoder } from './snappy.ts'
import { encodeWriteRequest, ProtobufWriter, snappyCompress, snappyLiterals, type WireSeries } from './testing.ts'

interface ReadSeries {
  readonly labels: readonly (readonly [string, string])[] | undefined
  readonly samples: readonly (readonly [number, bigint])[]
}

/** Everything of a message; values as bits. */
function read(message: Uint8Array, reader = new WriteRequestReader()): { series: ReadSeries[]; metadata: unknown[]; dropped: number } {
  const series: ReadSeries[] = []
  const metadata: unknown[] = []
  let dropped = 0
  reader.begin(Uint8Array.from(message))
  for (let part = reader.next(); part !== 'end'; part = reader.next()) {
    if (part === 'metadata') metadata.push({ metric: reader.metric, ...reader.metadata })
    else {
      dropped += reader.exemplars + reader.histograms
      const { timesMs, values, length } = reader.samples
      const bits = new BigUint64Array(values.buffer)
      series.push({ labels: reader.readLabels(), samples: Array.from({ length }, (_, i) => [timesMs[i]!, bits[i]!]) })
    }
  }
  return { series, metadata, dropped }
}

const bitsOf = (value: number | bigint) => (typeof value === 'bigint' ? value : new BigUint64Array(Float64Array.of(value).buffer)[0]!)
const asRead = ({ labels, samples }: WireSeries): ReadSeries => ({
  labels,
  samples: samples.map(([timeMs, value]) => [Number(timeMs), bitsOf(value)]),
})

const up: WireSeries['labels'] = [
  ['__name__', 'up'],
  ['job', 'a'],
]

test.for<{ why: string; series: WireSeries }>([
  { why: 'a time of today', series: { labels: up, samples: [[1_795_163_692_875, 1.5]] } },
  { why: 'time 0 and value 0', series: { labels: up, samples: [[0, 0]] } },
  {
    why: 'a time before 1970: ten bytes on the wire',
    series: {
      labels: up,
      samples: [
        [-1, 1],
        [-62_135_596_800_000, 2],
      ],
    },
  },
  {
    why: 'times at each border of the groups of bits',
    series: {
      labels: up,
      samples: [7, 14, 21, 28, 35, 42, 49, 52].flatMap((bits): [number, number][] => [
        [2 ** bits - 1, bits],
        [2 ** bits, bits],
        [-(2 ** bits), bits],
      ]),
    },
  },
  {
    why: 'a staleness marker and other NaNs, bit for bit',
    series: {
      labels: up,
      samples: [
        [1, STALE_NAN_BITS],
        [2, Number.NaN],
        [3, 0xfff8_dead_beef_0001n],
      ],
    },
  },
  {
    why: 'infinities and -0',
    series: {
      labels: up,
      samples: [
        [1, Number.POSITIVE_INFINITY],
        [2, Number.NEGATIVE_INFINITY],
        [3, -0],
      ],
    },
  },
  { why: 'no samples', series: { labels: up, samples: [] } },
  { why: 'no labels', series: { labels: [], samples: [[1, 1]] } },
  {
    why: 'a label longer than 127 bytes',
    series: {
      labels: [
        ['__name__', 'a'.repeat(1000)],
        ['x', 'ü'.repeat(100)],
      ],
      samples: [[1, 1]],
    },
  },
  {
    why: 'more samples than the columns hold at first',
    series: { labels: up, samples: Array.from({ length: 1000 }, (_, i) => [i, i] as const) },
  },
])('$why', ({ series }) => expect(read(encodeWriteRequest([series]))).toEqual({ series: [asRead(series)], metadata: [], dropped: 0 }))

const sample = (timeMs: number, value: number) => new ProtobufWriter().varint(0x09).double(value).varint(0x10).varint(timeMs).finish()
const label = (name: string, value: string) => new ProtobufWriter().field(1, name).field(2, value).finish()

test.for<{ why: string; series: ProtobufWriter; want: ReadSeries }>([
  {
    why: 'fields that are 0 are left away',
    series: new ProtobufWriter().field(1, label('a', 'b')).field(2, '').field(2, new ProtobufWriter().varint(0x10).varint(5).finish()),
    want: {
      labels: [['a', 'b']],
      samples: [
        [0, 0n],
        [5, 0n],
      ],
    },
  },
  {
    why: 'the time before the value',
    series: new ProtobufWriter()
      .field(1, label('a', 'b'))
      .field(2, new ProtobufWriter().varint(0x10).varint(5).varint(0x09).double(2).finish()),
    want: { labels: [['a', 'b']], samples: [[5, bitsOf(2)]] },
  },
  {
    why: 'of a field that is repeated, the last counts',
    series: new ProtobufWriter().field(1, label('a', 'b')).field(2, Buffer.concat([sample(1, 1), sample(2, 3)])),
    want: { labels: [['a', 'b']], samples: [[2, bitsOf(3)]] },
  },
  {
    why: 'labels behind and between samples',
    series: new ProtobufWriter()
      .field(1, label('a', 'b'))
      .field(2, sample(1, 1))
      .field(1, label('c', 'd'))
      .field(2, sample(2, 2))
      .field(1, label('e', 'f')),
    want: {
      labels: [
        ['a', 'b'],
        ['c', 'd'],
        ['e', 'f'],
      ],
      samples: [
        [1, bitsOf(1)],
        [2, bitsOf(2)],
      ],
    },
  },
  {
    why: 'fields nobody knows',
    series: new ProtobufWriter()
      .varint(15 << 3)
      .varint(-1n)
      .field(1, label('a', 'b'))
      .field(9, 'x')
      .varint((6 << 3) | 1)
      .double(1)
      .varint((6 << 3) | 5)
      .raw(Buffer.alloc(4))
      .field(2, sample(1, 1)),
    want: { labels: [['a', 'b']], samples: [[1, bitsOf(1)]] },
  },
  {
    why: 'a tag in more bytes than it needs',
    series: new ProtobufWriter()
      .field(1, label('a', 'b'))
      .raw(Buffer.from([0x92, 0x00]))
      .varint(11)
      .raw(sample(1, 1)),
    want: { labels: [['a', 'b']], samples: [[1, bitsOf(1)]] },
  },
  {
    why: 'an integer past 2^53 is no time, and does not come out as a small one',
    series: new ProtobufWriter().field(
      2,
      new ProtobufWriter()
        .varint(0x09)
        .double(1)
        .varint(0x10)
        .varint(2n ** 62n)
        .finish(),
    ),
    want: { labels: [], samples: [[2 ** 62, bitsOf(1)]] },
  },
])('$why', ({ series, want }) => expect(read(new ProtobufWriter().field(1, series.finish()).finish()).series).toEqual([want]))

test('descriptions, exemplars and histograms', () => {
  const series = { labels: up, samples: [[1, 1]] as const, exemplars: 2, histograms: 3 }
  const metadata = [
    { type: 1, metric: 'a', help: 'Help of ä.', unit: 'seconds' },
    { type: 99, metric: 'b' },
  ]
  expect(read(encodeWriteRequest([series], metadata))).toEqual({
    series: [asRead(series)],
    metadata: [
      { metric: 'a', type: 'counter', help: 'Help of ä.', unit: 'seconds' },
      { metric: 'b', type: 'unknown', help: '', unit: '' },
    ],
    dropped: 5,
  })
})

test('text that is no UTF-8 is told from a replacement character that was sent', () => {
  const series = (value: Uint8Array) => {
    const one = new ProtobufWriter().field(1, '__name__').field(2, value).finish()
    return new ProtobufWriter().field(1, new ProtobufWriter().field(1, one).finish()).finish()
  }
  expect(read(series(Buffer.from('a\ufffdb'.repeat(60)))).series[0]!.labels).toEqual([['__name__', 'a\ufffdb'.repeat(60)]])
  expect(read(series(Buffer.from([0x61, 0xff]))).series[0]!.labels).toBeUndefined()
})

const seriesArbitrary: fc.Arbitrary<WireSeries> = fc.record({
  labels: fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ maxLength: 200 })), { maxLength: 6 }),
  samples: fc.array(fc.tuple(fc.maxSafeInteger(), fc.oneof(fc.double(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))), { maxLength: 40 }),
})
const runs = Number(process.env.MODELWATCH_FUZZ_CASES ?? 10_000)
const seed = Number(process.env.MODELWATCH_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

test(`fuzz: what was sent is read back, bit for bit (seed ${seed})`, async () => {
  const reader = new WriteRequestReader() // One for all, for what is left from one request must not show in the next.
  const snappy = new SnappyDecoder()
  const check = async (series: WireSeries[], packed: boolean) => {
    const message = encodeWriteRequest(series)
    const body = packed ? snappyCompress(message) : snappyLiterals(message)
    expect(read(await snappy.decode(body, 1 << 26), reader).series).toEqual(series.map(asRead))
  }
  await fc.assert(fc.asyncProperty(fc.array(seriesArbitrary, { maxLength: 4 }), fc.boolean(), check), {
    numRuns: Math.ceil(runs / 10),
    seed,
  })
})

test(`fuzz: bytes of any kind end in an answer or in a clear error (seed ${seed})`, () => {
  const valid = encodeWriteRequest(
    [
      { labels: up, samples: Array.from({ length: 8 }, (_, i) => [1_795_163_692_875 + i, i] as const), exemplars: 1, histograms: 1 },
      { labels: [['__name__', 'x'.repeat(200)]], samples: [[-5, STALE_NAN_BITS]] },
    ],
    [{ type: 2, metric: 'up', help: 'h' }],
  )
  const mutation = fc.record({ at: fc.nat(valid.length - 1), byte: fc.nat(255), kind: fc.constantFrom('set', 'drop', 'insert', 'cut') })
  const mutated = fc.array(mutation, { minLength: 1, maxLength: 4 }).map((mutations) => {
    const bytes = [...valid]
    for (const { at, byte, kind } of mutations) {
      if (kind === 'set') bytes[at % bytes.length] = byte
      else if (kind === 'drop') bytes.splice(at, 1)
      else if (kind === 'insert') bytes.splice(at, 0, byte)
      else bytes.length = Math.max(1, Math.min(bytes.length, at))
    }
    return Uint8Array.from(bytes)
  })
  const bytes = fc.oneof({ weight: 3, arbitrary: mutated }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) })
  const reader = new WriteRequestReader()
  const snappy = new SnappyDecoder()
  const attempt = (work: () => unknown) => {
    try {
      work()
    } catch (error) {
      if (!(error instanceof ModelwatchError)) throw error
      expect(error.kind).toBe('invalid')
    }
  }
  const startedMs = performance.now()
  fc.assert(
    fc.property(bytes, (some) => {
      attempt(() => snappy.decode(some, 1 << 20)) // As a body.
      attempt(() => read(some, reader)) // As a message.
    }),
    { numRuns: runs, seed },
  )
  // No input takes more than its share: a few microseconds are usual.
  expect((performance.now() - startedMs) / runs).toBeLessThan(5)
})
