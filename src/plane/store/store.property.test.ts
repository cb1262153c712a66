import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Labels, labelsKey, toLabels } from '../../core/labels.ts'
import { STALE_NAN_BITS } from './stale.ts'
import { openStore, type TimeSeriesStore } from './store.ts'
import { readColumns } from './testing.ts'

const MINUTE_MS = 60_000
const seriesLabels: readonly Labels[] = [
  toLabels({ __name__: 'a' }),
  toLabels({ __name__: 'a', x: '1' }),
  toLabels({ __name__: 'b', x: '2', 'a.b': 'ü' }),
]

type Value = number | 'stale'
type Step =
  | {
      readonly kind: 'append'
      readonly series: number
      readonly stepMs: number
      readonly values: readonly Value[]
      readonly backMs: number
    }
  | { readonly kind: 'maintain' | 'restart' | 'checkpoint' | 'clean' }
  | { readonly kind: 'delete'; readonly series: number; readonly fromMs: number; readonly lengthMs: number }

const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 1000 }) },
  { weight: 3, arbitrary: fc.integer({ min: -100_000, max: 100_000 }).map((n) => n / 100) },
  { weight: 2, arbitrary: fc.double() },
  { weight: 1, arbitrary: fc.constant('stale' as const) },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      series: fc.nat(2),
      stepMs: fc.integer({ min: 1, max: 30_000 }),
      values: fc.array(value, { minLength: 1, maxLength: 200, size: 'max' }),
      // Mostly onwards, sometimes into the past.
      backMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 600_000 }) }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('maintain' as const, 'restart' as const, 'clean' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      series: fc.nat(2),
      fromMs: fc.nat(3_000_000),
      lengthMs: fc.nat(500_000),
    }),
  },
)

/** What the store must hold, in the plainest words: of two samples at one time the first stays. */
class Model {
  readonly samples = seriesLabels.map(() => new Map<number, Value>())
  readonly newestMs = seriesLabels.map(() => 0)

  columns(series: number, fromMs: number, toMs: number): [number, string][] {
    return [...this.samples[series]!]
      .filter(([timeMs]) => timeMs >= fromMs && timeMs <= toMs)
      .sort(([a], [b]) => a - b)
      .map(([timeMs, v]) => [timeMs, bitsOf(v)])
  }
}

const probe = new Float64Array(1)
const bits = new BigUint64Array(probe.buffer)
function bitsOf(v: Value): string {
  if (v === 'stale') return STALE_NAN_BITS.toString(16)
  probe[0] = v
  return bits[0]!.toString(16)
}

async function open(path: string): Promise<TimeSeriesStore> {
  const config = {
    path,
    blockRangeMs: MINUTE_MS,
    outOfOrderWindowMs: 1e12,
    retentionMs: 1e12,
    maintenanceIntervalMs: 1e9,
    lateSamplesMax: 50,
  }
  return openStore(config, { clock: { now: () => Number.MAX_SAFE_INTEGER } })
}

async function expectEqual(store: TimeSeriesStore, model: Model, fromMs: number, toMs: number): Promise<void> {
  const found = await readColumns(store, [{ name: '__name__', op: '!=', value: '' }], { fromMs, toMs })
  const byKey = new Map(found.map((columns) => [labelsKey(columns.labels), columns]))
  for (const [series, labels] of seriesLabels.entries()) {
    const columns = byKey.get(labelsKey(labels))
    const valueBits =
      columns === undefined ? [] : new BigUint64Array(columns.values.buffer, columns.values.byteOffset, columns.values.length)
    const got = Array.from(columns?.timesMs ?? [], (timeMs, i): [number, string] => [timeMs, valueBits[i]!.toString(16)])
    expect(got).toEqual(model.columns(series, fromMs, toMs))
  }
}

test('bit for bit: through head, log, checkpoint, blocks, compaction, deletion, in any order', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
      fc.nat(3_000_000),
      fc.nat(3_000_000),
      async (steps, from, length) => {
        const path = await mkdtemp(join(tmpdir(), 'modelwatch-property-'))
        const model = new Model()
        let store = await open(path)
        try {
          for (const now of steps) {
            if (now.kind === 'append') await append(store, model, now)
            else if (now.kind === 'maintain') await store.maintain()
            else if (now.kind === 'clean') await store.cleanTombstones()
            else if (now.kind === 'delete') {
              const range = { fromMs: now.fromMs, toMs: now.fromMs + now.lengthMs }
              const matchers = [{ name: 'x', op: '=' as const, value: ['', '1', '2'][now.series]! }]
              await store.deleteSeries([matchers], range)
              const kept = model.samples[now.series]!
              for (const timeMs of [...kept.keys()]) if (timeMs >= range.fromMs && timeMs <= range.toMs) kept.delete(timeMs)
            } else {
              await store.close()
              store = await open(path)
            }
          }
          await expectEqual(store, model, -1, 1e15)
          await expectEqual(store, model, from, from + length)
          await store.close()
          store = await open(path)
          await expectEqual(store, model, -1, 1e15)
        } finally {
          await store.close()
          await rm(path, { recursive: true, force: true })
        }
      },
    ),
    { numRuns: Number(process.env.MODELWATCH_PROPERTY_RUNS ?? 60), endOnFailure: true },
  )
})

async function append(store: TimeSeriesStore, model: Model, { series, stepMs, values, backMs }: Step & { kind: 'append' }): Promise<void> {
  const appender = store.appender()
  const samples = model.samples[series]!
  let timeMs = Math.max(0, model.newestMs[series]! - backMs)
  let ref = 0
  for (const v of values) {
    timeMs += stepMs
    if (v === 'stale') {
      // A marker needs a series that is there.
      if (ref === 0) continue
      appender.appendStale(ref, timeMs)
    } else ref = appender.append(ref, seriesLabels[series]!, timeMs, v)
    if (!samples.has(timeMs)) samples.set(timeMs, v)
  }
  model.newestMs[series] = Math.max(model.newestMs[series]!, timeMs)
  await appender.commit()
}
