import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FRAME_MAGIC, headCheck, sealFrame } from './frame.ts'
import { type Entry, encodeEntries, replayBytes } from './testing.ts'

/** Each commit is one record, so that what a damage costs can be counted. */
const commits: Entry[][] = [
  [
    {
      kind: 'series',
      ref: 1,
      labels: [
        ['__name__', 'up'],
        ['job', 'größe'],
      ],
    },
  ],
  [
    { kind: 'sample', ref: 1, timeMs: 1_700_000_000_000, bits: 0x7ff0000000000002n },
    { kind: 'sample', ref: 1, timeMs: 1_700_000_015_000, bits: 0x3ff0000000000000n },
  ],
  [{ kind: 'tombstone', ref: 1, fromMs: 0, toMs: 1 }],
  [{ kind: 'metadata', metric: 'up', metadata: { type: 'gauge', help: 'Whether.', unit: '' } }],
  // A value full of magic bytes.
  [
    { kind: 'sample', ref: 2, timeMs: 1, bits: 0xfafafafafafafafan },
    { kind: 'sample', ref: 3, timeMs: 1, bits: 0xfa02fa02fa02fa02n },
  ],
  [{ kind: 'sample', ref: 4, timeMs: 2, bits: 1n }],
]
const encoded = commits.map(encodeEntries)
const bytes = Buffer.concat(encoded)
const starts = encoded.map((_, i) => encoded.slice(0, i).reduce((sum, one) => sum + one.length, 0))
const commitAt = (offset: number) => starts.findLastIndex((start) => start <= offset)
const entriesWithout = (...damaged: number[]) => commits.filter((_, i) => !damaged.includes(i)).flat()

test('a log cut off anywhere gives all whole records before the cut, and names the rest', async () => {
  for (let size = 0; size <= bytes.length; size++) {
    const whole = starts.filter((start, i) => start + encoded[i]!.length <= size).length
    const end = whole === starts.length ? bytes.length : starts[whole]!
    const { entries, damages } = await replayBytes(bytes.subarray(0, size))
    expect(entries, `cut at ${size}`).toEqual(commits.slice(0, whole).flat())
    expect(damages, `cut at ${size}`).toEqual(size === end ? [] : [{ offset: end, bytes: size - end, reason: 'a record is cut off' }])
  }
})

test('a flipped byte costs one record and no other, and is named', async () => {
  for (let offset = 0; offset < bytes.length; offset++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const flipped = Buffer.from(bytes)
      flipped[offset]! ^= flip
      const hit = commitAt(offset)
      const { entries, damages } = await replayBytes(flipped)
      expect(entries, `byte ${offset}`).toEqual(entriesWithout(hit))
      expect(damages, `byte ${offset}`).toEqual([{ offset: starts[hit], bytes: encoded[hit]!.length, reason: expect.any(String) }])
    }
  }
})

test('bytes lost from the middle, or come in, cost the record they hit', async () => {
  for (let offset = 0; offset < bytes.length; offset++) {
    const hit = commitAt(offset)
    const lost = Buffer.concat([bytes.subarray(0, offset), bytes.subarray(offset + 1)])
    expect((await replayBytes(lost)).entries, `lost ${offset}`).toEqual(entriesWithout(hit))
    // In front of a record, the stranger costs none.
    const added = Buffer.concat([bytes.subarray(0, offset), Buffer.of(0), bytes.subarray(offset)])
    expect((await replayBytes(added)).entries, `added ${offset}`).toEqual(starts.includes(offset) ? commits.flat() : entriesWithout(hit))
  }
})

test('a tail of zeros, as a file system leaves it, is one damage behind everything whole', async () => {
  const { entries, damages } = await replayBytes(Buffer.concat([bytes, Buffer.alloc(5000)]), { windowBytes: 64 })
  expect(entries).toEqual(commits.flat())
  expect(damages).toEqual([{ offset: bytes.length, bytes: 5000, reason: 'no record begins here' }])
})

test('a label cannot imitate a record: text never holds the byte that one begins with', async () => {
  const imitation = encodeEntries([{ kind: 'tombstone', ref: 9, fromMs: 0, toMs: 1 }])
  const carrier = encodeEntries([{ kind: 'series', ref: 1, labels: [['path', Buffer.from(imitation).toString('latin1')]] }])
  carrier[0] = 0
  const { entries } = await replayBytes(carrier)
  expect(entries).toEqual([])
})

test('a whole record that holds what no writer of ours makes is a damage of its own', async () => {
  // A record of series that promises more labels than it has.
  const frame = new Uint8Array(12 + 2)
  frame.set([1, 9], 8)
  sealFrame(frame, new DataView(frame.buffer), 0, 1, 2)
  const { entries, damages } = await replayBytes(Buffer.concat([encoded[0]!, frame, encoded[1]!]))
  expect(entries).toEqual([...commits[0]!, ...commits[1]!])
  expect(damages).toEqual([{ offset: starts[1], bytes: 14, reason: 'a record of type 1 does not hold what it should' }])
})

test('scanning stays linear among false beginnings of records', async () => {
  // Every twelve bytes a head that is right and promises a record up to the end: without a bound, 43,000 checksums over half a mebibyte each.
  const size = 512 * 1024
  const trap = new Uint8Array(size)
  const view = new DataView(trap.buffer)
  for (let at = 0; at + 12 <= size; at += 12) {
    const length = size - at - 12
    trap[at] = FRAME_MAGIC
    trap[at + 1] = 2
    view.setUint16(at + 2, headCheck(2, length), true)
    view.setUint32(at + 4, length, true)
  }
  const startedMs = performance.now()
  const { entries, damages } = await replayBytes(trap)
  expect(entries).toEqual([])
  expect(damages).toEqual([{ offset: 0, bytes: size, reason: 'too many false beginnings of records' }])
  // Some 5 ms on a quiet machine; 11 GiB of checksums would take many seconds.
  expect(performance.now() - startedMs).toBeLessThan(2000)
})

const cases = Number(process.env.MODELWATCH_FUZZ_CASES ?? 10_000)

test(`${cases} times: random bytes never crash or hang the reader`, { timeout: 30_000 + cases }, async () => {
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    // Random payloads in frames that are right: the payload's reader is on its own.
    fc.tuple(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 200 })).map(([type, payload]) => {
      const frame = new Uint8Array(12 + payload.length)
      frame.set(payload, 8)
      sealFrame(frame, new DataView(frame.buffer), 0, type, payload.length)
      return frame
    }),
    fc.constantFrom(...encoded),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(junk, { maxLength: 5 }), fc.integer({ min: 12, max: 300 }), async (pieces, windowBytes) => {
      const { entries, damages } = await replayBytes(Buffer.concat(pieces), { windowBytes, batchSamplesMax: 16 })
      for (const entry of entries) if (entry.kind === 'sample' || entry.kind === 'series') expect(entry.ref).toBeGreaterThan(0)
      // Damages lie one behind the other, within the log.
      let end = 0
      for (const damage of damages) {
        expect(damage.offset).toBeGreaterThanOrEqual(end)
        expect(damage.bytes).toBeGreaterThan(0)
        end = damage.offset + damage.bytes
      }
      expect(end).toBeLessThanOrEqual(Buffer.concat(pieces).length)
    }),
    { numRuns: cases },
  )
})
