import { cp, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Labels, labelsKey, toLabels } from '../../core/labels.ts'
import { STALE_NAN_BITS } from './stale.ts'
import { openStore, type TimeSeriesStore } from './store.ts'
import { readColumns, temporaryDir } from './testing.ts'

const MINUTE_MS = 60_000
const SERIES_MAX = 12
const seriesLabels: readonly Labels[] = [
  toLabels({ __name__: 'a' }),
  toLabels({ __name__: 'a', x: '1' }),
  toLabels({ __name__: 'b', x: '2', 'a.b': 'ü' }),
  ...Array.from({ length: SERIES_MAX - 3 }, (_, i) => toLabels({ __name__: `m${i % 4}`, x: String(i + 3), smile: '😀' })),
]

/** The bits of a double: what is compared. Every pattern counts, payloads of NaN and markers of staleness among them. */
type Value = bigint
type Step =
  | {
      readonly kind: 'append'
      readonly series: number
      readonly stepMs: number
      readonly values: readonly Value[]
      readonly backMs: number
      /** Whether the samples come as columns, or one by one. */
      readonly isColumns: boolean
    }
  | { readonly kind: 'maintain' | 'restart' | 'kill' | 'snapshot' | 'clean' }
  | { readonly kind: 'delete'; readonly series: number; readonly fromMs: number; readonly lengthMs: number }

const value: fc.Arbitrary<Value> = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 1000 }).map(bitsOf) },
  { weight: 3, arbitrary: fc.integer({ min: -100_000, max: 100_000 }).map((n) => bitsOf(n / 100)) },
  { weight: 2, arbitrary: fc.double().map(bitsOf) },
  { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) },
  // NaN with any payload, quiet or signalling.
  { weight: 1, arbitrary: fc.bigInt({ min: 0x7ff0_0000_0000_0001n, max: 0x7fff_ffff_ffff_ffffn }) },
  { weight: 1, arbitrary: fc.constant(STALE_NAN_BITS) },
)

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      series: fc.nat(SERIES_MAX - 1),
      stepMs: fc.integer({ min: 1, max: 30_000 }),
      isColumns: fc.boolean(),
      values: fc.array(value, { minLength: 1, maxLength: 200, size: 'max' }),
      // Mostly onwards, sometimes into the past.
      backMs: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 600_000 }) }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('maintain' as const, 'restart' as const, 'kill' as const, 'snapshot' as const, 'clean' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      series: fc.nat(SERIES_MAX - 1),
      fromMs: fc.integer({ min: -1_500_000, max: 1_500_000 }),
      lengthMs: fc.nat(500_000),
    }),
  },
)

/** What the store must hold, in the plainest words: of two samples at one time the first stays. */
class Model {
  readonly samples = seriesLabels.map(() => new Map<number, Value>())
  /** Half of the samples lie before 1970. */
  readonly newestMs = seriesLabels.map(() => -1_500_000)

  columns(series: number, fromMs: number, toMs: number): [number, string][] {
    return [...this.samples[series]!]
      .filter(([timeMs]) => timeMs >= fromMs && timeMs <= toMs)
      .sort(([a], [b]) => a - b)
      .map(([timeMs, v]) => [timeMs, v.toString(16)])
  }
}

function bitsOf(v: number): Value {
  return new BigUint64Array(Float64Array.of(v).buffer)[0]!
}

/** What a value is stored as that came as a number: of NaN there is one kind. */
function asNumber(v: Value): Value {
  const isNotANumber = (v & 0x7ff0_0000_0000_0000n) === 0x7ff0_0000_0000_0000n && (v & 0xf_ffff_ffff_ffffn) !== 0n
  return isNotANumber && v !== STALE_NAN_BITS ? 0x7ff8_0000_0000_0000n : v
}

const everFromMs = -1e15
const everToMs = 1e15

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
      fc.integer({ min: -1_500_000, max: 1_500_000 }),
      fc.nat(3_000_000),
      async (steps, from, length) => {
        const path = await mkdtemp(join(temporaryDir, 'modelwatch-property-'))
        const model = new Model()
        let store = await open(path)
        try {
          for (const now of steps) {
            if (now.kind === 'append') await append(store, model, now)
            else if (now.kind === 'maintain') await store.maintain()
            else if (now.kind === 'clean') await store.cleanTombstones()
            else if (now.kind === 'delete') {
              const range = { fromMs: now.fromMs, toMs: now.fromMs + now.lengthMs }
              const matchers = [{ name: 'x', op: '=' as const, value: now.series === 0 ? '' : String(now.series) }]
              await store.deleteSeries([matchers], range)
              const kept = model.samples[now.series]!
              for (const timeMs of [...kept.keys()]) if (timeMs >= range.fromMs && timeMs <= range.toMs) kept.delete(timeMs)
            } else if (now.kind === 'restart') {
              await store.close()
              store = await open(path)
            } else {
              // A copy of the folder as it stands is what a kill would leave; a snapshot is opened like any folder.
              const copy = now.kind === 'kill' ? `${path}-copy` : join(path, 'snapshots', await store.snapshot({ skipHead: false }))
              if (now.kind === 'kill') await cp(path, copy, { recursive: true })
              const other = await open(copy)
              await expectEqual(other, model, everFromMs, everToMs)
              await other.close()
              await rm(copy, { recursive: true })
            }
          }
          await expectEqual(store, model, everFromMs, everToMs)
          await expectEqual(store, model, from, from + length)
          await store.close()
          store = await open(path)
          await expectEqual(store, model, everFromMs, everToMs)
        } finally {
          await store.close()
          for (const folder of [path, `${path}-copy`]) await rm(folder, { recursive: true, force: true })
        }
      },
    ),
    { numRuns: Number(process.env.MODELWATCH_PROPERTY_RUNS ?? 50), endOnFailure: true },
  )
})

async function append(store: TimeSeriesStore, model: Model, step: Step & { kind: 'append' }): Promise<void> {
  const { series, stepMs, values, backMs } = step
  const appender = store.appender()
  const samples = model.samples[series]!
  let timeMs = model.newestMs[series]! - backMs
  const timesMs = new Float64Array(values.length)
  const column = new Float64Array(BigUint64Array.from(values).buffer)
  let ref = 0
  for (const [i, v] of values.entries()) {
    timeMs += stepMs
    timesMs[i] = timeMs
    // A marker needs a series that is there.
    if (!step.isColumns && v === STALE_NAN_BITS && ref === 0) continue
    if (!step.isColumns && v === STALE_NAN_BITS) appender.appendStale(ref, timeMs)
    else if (!step.isColumns) ref = appender.append(ref, seriesLabels[series]!, timeMs, column[i]!)
    if (!samples.has(timeMs)) samples.set(timeMs, step.isColumns ? v : asNumber(v))
  }
  if (step.isColumns) appender.appendColumns(0, seriesLabels[series]!, timesMs, column, values.length)
  model.newestMs[series] = Math.max(model.newestMs[series]!, timeMs)
  await appender.commit()
}
