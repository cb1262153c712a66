import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ModelwatchError } from '../../../core/errors.ts'
import type { AppendOutcome, MetricMetadata } from '../../../plane/store/contract.ts'
import { createMemoryStore, STALE_NAN_BITS } from '../../../plane/store/index.ts'
import { readColumns } from '../../../plane/store/testing.ts'
import type { RemoteWriteLimits } from './limits.ts'
import { createRemoteWriteReceiver } from './receiver.ts'
import { encodeWriteRequest, snappyCompress, type WireMetadata, type WireSeries } from './testing.ts'

const nowMs = Date.parse('2026-11-20T12:00:00Z')
type Labels = WireSeries['labels']
const named = (name: string, ...rest: Labels): Labels => [['__name__', name], ...rest]

function start(limits: Partial<RemoteWriteLimits> = {}) {
  const store = createMemoryStore()
  const receiver = createRemoteWriteReceiver(limits, { store, clock: { now: () => nowMs } })
  const send = (series: readonly WireSeries[], metadata: readonly WireMetadata[] = []) =>
    receiver.receive(snappyCompress(encodeWriteRequest(series, metadata)))
  /** What is kept, as `labels: times and bits`. */
  const kept = async () =>
    Object.fromEntries(
      (await readColumns(store, [{ name: '__name__', op: '!=', value: '' }])).map(({ labels, timesMs, values }) => {
        const bits = new BigUint64Array(values.buffer)
        const shown = (i: number) => (bits[i] === STALE_NAN_BITS ? 'stale' : values[i])
        return [
          labels.map(([name, value]) => `${name}=${value}`).join(),
          Array.from(timesMs, (timeMs, i) => `${timeMs - nowMs}:${shown(i)}`).join(' '),
        ]
      }),
    )
  return { store, receiver, send, kept }
}

test('samples are kept, staleness markers by their bits', async () => {
  const { send, kept, receiver } = start()
  await send([
    {
      labels: named('a', ['x', '1']),
      samples: [
        [nowMs, 1.5],
        [nowMs + 1, STALE_NAN_BITS],
        [nowMs + 2, Number.NaN],
      ],
    },
    { labels: named('b'), samples: [[nowMs, -1]] },
  ])
  await send([{ labels: named('a', ['x', '1']), samples: [[nowMs + 3, 2]] }])
  expect(await kept()).toEqual({ '__name__=a,x=1': '0:1.5 1:stale 2:NaN 3:2', '__name__=b': '0:-1' })
  expect(receiver.stats()).toMatchObject({ samples: 5, cacheSeries: 2 })
})

test('an empty label is no label, and sorting is by bytes', async () => {
  const { send, kept } = start()
  // In UTF-8 the emoji stands behind U+FF5E, in UTF-16 before it.
  await send([{ labels: named('a', ['b', ''], ['\uff5e', '1'], ['😀', '2']), samples: [[nowMs, 1]] }])
  expect(await kept()).toEqual({ '__name__=a,😀=2,\uff5e=1': '0:1' })
})

test('descriptions are kept', async () => {
  const { send, store } = start()
  await send([], [{ type: 1, metric: 'a_total', help: 'All of a.', unit: '' }])
  expect(store.metadata('a_total')).toEqual(
    new Map([['a_total', { type: 'counter', help: 'All of a.', unit: '' } satisfies MetricMetadata]]),
  )
})

const good: WireSeries = { labels: named('good'), samples: [[nowMs, 1]] }
const at = '2026-11-20T12:00:00.000Z'

test.for<{ why: string; series: WireSeries; want: string }>([
  {
    why: 'no name',
    series: { labels: [['a', 'b']], samples: [[nowMs, 1]] },
    want: 'invalid labels: there is no label __name__, in {a="b"}',
  },
  { why: 'no labels', series: { labels: [], samples: [[nowMs, 1]] }, want: 'invalid labels: there is no label __name__' },
  { why: 'an empty name', series: { labels: [['__name__', '']], samples: [[nowMs, 1]] }, want: 'there is no label __name__' },
  {
    why: 'a label without name',
    series: {
      labels: [
        ['', 'x'],
        ['__name__', 'a'],
      ],
      samples: [[nowMs, 1]],
    },
    want: 'a label has no name',
  },
  { why: 'a label twice', series: { labels: named('a', ['x', '1'], ['x', '2']), samples: [[nowMs, 1]] }, want: 'label "x" is there twice' },
  {
    why: 'labels out of order',
    series: { labels: named('a', ['y', '1'], ['x', '2']), samples: [[nowMs, 1]] },
    want: 'labels are not sorted: "x" stands behind "y"',
  },
  {
    why: 'out of order',
    series: {
      labels: named('old'),
      samples: [
        [nowMs, 1],
        [nowMs - 1, 2],
      ],
    },
    want: `out of order sample: old at 2026-11-20T11:59:59.999Z (${nowMs - 1})`,
  },
  {
    why: 'another value for the same time',
    series: {
      labels: named('old', ['x', 'y']),
      samples: [
        [nowMs, 1],
        [nowMs, 2],
      ],
    },
    want: `duplicate sample for timestamp: old{x="y"} at ${at}`,
  },
  {
    why: 'the future',
    series: {
      labels: named('old'),
      samples: [
        [nowMs, 1],
        [nowMs + 600_001, 2],
      ],
    },
    want: 'out of bounds: timestamp is too far in the future: old at 2026-11-20T12:10:00.001Z',
  },
  {
    why: 'the end of time',
    series: {
      labels: named('old'),
      samples: [
        [nowMs, 1],
        [2n ** 63n - 1n, 2],
      ],
    },
    want: 'too far in the future: old at 9223372036854776000',
  },
  {
    why: 'the beginning of time',
    series: {
      labels: named('old'),
      samples: [
        [nowMs, 1],
        [-(2n ** 63n), 2],
      ],
    },
    want: 'too old sample: old at -9223372036854776000',
  },
  {
    why: 'histograms',
    series: { labels: named('old'), samples: [[nowMs, 1]], histograms: 2 },
    want: 'native histograms are not supported: old; refused in this request: 2 for native',
  },
])('$why is refused by name, and the rest is kept', async ({ series, want }) => {
  const { send, kept, receiver } = start()
  await expect(send([series, good])).rejects.toMatchObject({ code: 'MW_REMOTE_WRITE_REFUSED', message: expect.stringContaining(want) })
  const stored = await kept()
  expect(stored['__name__=good']).toBe('0:1')
  expect(Object.keys(stored).length).toBe(series.labels.some(([name, value]) => name === '__name__' && value === 'old') ? 2 : 1)
  expect(Object.values(receiver.stats().refused).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0)
  await send([good]) // The same sample again is no fault.
})

test('ten minutes ahead is not too far', async () => {
  const { send, kept } = start()
  await send([{ labels: named('a'), samples: [[nowMs + 600_000, 1]] }])
  expect(await kept()).toEqual({ '__name__=a': '600000:1' })
})

test('exemplars are dropped and counted', async () => {
  const { send, receiver } = start()
  await send([{ ...good, exemplars: 3 }])
  expect(receiver.stats()).toMatchObject({ samples: 1, exemplarsDropped: 3 })
})

test('a damaged request leaves nothing behind', async () => {
  const { receiver, kept } = start()
  const message = encodeWriteRequest([good, { ...good, labels: named('other') }])
  await expect(receiver.receive(snappyCompress(message.subarray(0, -1)))).rejects.toMatchObject({ code: 'MW_REMOTE_WRITE_BODY' })
  expect(await kept()).toEqual({})
  await receiver.receive(snappyCompress(message))
  expect(Object.keys(await kept())).toHaveLength(2)
})

test('a large request gives way, and requests that come meanwhile do not mix with it', async () => {
  const { send, kept, receiver } = start()
  const large = Array.from(
    { length: 100 },
    (_, s): WireSeries => ({
      labels: named('large', ['s', String(s)]),
      samples: Array.from({ length: 1000 }, (_, i) => [nowMs + i, s] as const),
    }),
  )
  let turns = 0
  const counting = setInterval(() => turns++, 0)
  const sends = [send(large)]
  for (let i = 0; i < 5; i++)
    sends.push(
      send(Array.from({ length: 50 }, (_, s) => ({ labels: named(`small${i}`, ['s', String(s)]), samples: [[nowMs, i]] as const }))),
    )
  await Promise.all(sends)
  clearInterval(counting)
  expect(turns).toBeGreaterThan(0)
  const stored = await kept()
  expect(Object.keys(stored)).toHaveLength(350)
  for (let s = 0; s < 100; s++) expect(stored[`__name__=large,s=${s}`]!.split(' ').at(-1)).toBe(`999:${s}`)
  expect(stored['__name__=small3,s=9']).toBe('0:3')
  expect(receiver.stats().samples).toBe(100_250)
})

test('what the store says of a commit is told', async () => {
  const outcome: AppendOutcome = {
    appended: 0,
    outOfOrder: 0,
    tooOld: 1,
    duplicate: 0,
    overLimit: 2,
    firstRefused: { labels: [['__name__', 'a']], timeMs: 5, reason: 'tooOld' },
  }
  const store = {
    setMetadata() {},
    appender: () => ({ append: () => 1, appendColumns: () => 1, appendStale() {}, commit: async () => outcome, rollback() {} }),
  }
  const receiver = createRemoteWriteReceiver({}, { store, clock: { now: () => nowMs } })
  await expect(receiver.receive(snappyCompress(encodeWriteRequest([good])))).rejects.toThrow(
    'too old sample: a at 1970-01-01T00:00:00.005Z (5); refused in this request: 1 for too old sample, 2 for no room for another series; 0 samples were taken',
  )
})

test('series forgotten by the cache are the same series', async () => {
  const { send, kept, receiver } = start({ cacheSeriesMax: 4 })
  for (let round = 0; round < 3; round++)
    await send(Array.from({ length: 10 }, (_, i) => ({ labels: named(`m${i}`), samples: [[nowMs + round, round]] as const })))
  expect(Object.values(await kept())).toEqual(Array(10).fill('0:0 1:1 2:2'))
  expect(receiver.stats().cacheEvictions).toBeGreaterThan(20)
})

test('an appender that takes columns is given them, bits and all', async () => {
  const given: unknown[] = []
  const outcome: AppendOutcome = { appended: 2, outOfOrder: 0, tooOld: 0, duplicate: 0, overLimit: 0, firstRefused: undefined }
  const appender = {
    append: () => expect.unreachable(),
    appendStale: () => expect.unreachable(),
    appendColumns(ref: number, labels: readonly unknown[], timesMs: Float64Array, values: Float64Array, length: number) {
      given.push([ref, labels, [...timesMs.slice(0, length)], [...new BigUint64Array(values.buffer).slice(0, length)]])
      return 9
    },
    commit: async () => outcome,
    rollback() {},
  }
  const receiver = createRemoteWriteReceiver({}, { store: { setMetadata() {}, appender: () => appender }, clock: { now: () => nowMs } })
  const samples = [
    [nowMs - 1, STALE_NAN_BITS],
    [nowMs, 1],
    [nowMs + 1e9, 2],
  ] as const
  const body = snappyCompress(encodeWriteRequest([{ labels: named('a'), samples }]))
  for (const ref of [0, 9]) {
    await expect(receiver.receive(body)).rejects.toThrow('too far in the future')
    expect(given.pop()).toEqual([ref, named('a'), [nowMs - 1, nowMs], [STALE_NAN_BITS, 0x3ff0000000000000n]])
  }
})

const runs = Math.ceil(Number(process.env.MODELWATCH_FUZZ_CASES ?? 10_000) / 4)
const seed = Number(process.env.MODELWATCH_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

test(`fuzz: whatever is sent ends in an answer or in a clear error, and good requests go on to work (seed ${seed})`, async () => {
  const { store, receiver } = start({ cacheSeriesMax: 50, decodedBytesMax: 1 << 20 })
  const valid = encodeWriteRequest(
    Array.from({ length: 3 }, (_, i) => ({
      labels: named(`m${i}`, ['x', 'y']),
      samples: [
        [nowMs + i, i],
        [nowMs + i + 1, STALE_NAN_BITS],
      ] as const,
    })),
    [{ type: 1, metric: 'm0' }],
  )
  const mutation = fc.tuple(fc.nat(valid.length - 1), fc.nat(255))
  const message = fc.oneof(
    fc.array(mutation, { minLength: 1, maxLength: 3 }).map((mutations) => {
      const bytes = Uint8Array.from(valid)
      for (const [at, byte] of mutations) bytes[at] = byte
      return bytes
    }),
    fc.uint8Array({ maxLength: 100 }),
  )
  const send = async (body: Uint8Array) => {
    try {
      await receiver.receive(body)
    } catch (error) {
      if (!(error instanceof ModelwatchError)) throw error
      expect(error.kind).toBe('invalid')
    }
  }
  await fc.assert(
    fc.asyncProperty(message, fc.boolean(), async (bytes, packed) => send(packed ? snappyCompress(bytes) : bytes)),
    { numRuns: runs, seed },
  )
  expect(receiver.stats().cacheSeries).toBeLessThanOrEqual(50)
  await receiver.receive(snappyCompress(encodeWriteRequest([{ labels: named('after', ['all', 'this']), samples: [[nowMs, 1]] }])))
  expect(await readColumns(store, [{ name: '__name__', op: '=', value: 'after' }])).toHaveLength(1)
}, 60_000)

test('a series whose labels are too long for the store is refused, and the others are kept', async () => {
  const { receiver, store } = start()
  const long = { labels: named('a', ['x', 'y'.repeat(1_100_000)]), samples: [[nowMs, 1]] } satisfies WireSeries
  await expect(receiver.receive(snappyCompress(encodeWriteRequest([good, long])))).rejects.toMatchObject({
    code: 'MW_REMOTE_WRITE_REFUSED',
    message: expect.stringMatching(/^invalid labels: .*1 samples were taken$/s),
  })
  expect(await readColumns(store, [{ name: '__name__', op: '=~', value: '.+' }])).toHaveLength(1)
})
