import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Labels, labelsKey, toLabels } from '../../core/labels.ts'
import { createMemoryStore } from './memory-store.ts'
import { isStaleMarker } from './stale.ts'

const RETENTION_MS = 1500

type Sample = readonly [timeMs: number, value: number | 'stale']
type Step =
  | { readonly kind: 'append'; readonly labels: Labels; readonly aheadMs: number; readonly value: number | 'stale' }
  | { readonly kind: 'end'; readonly commit: boolean }
  | { readonly kind: 'truncate' }

/** Time goes forward by a millisecond a step; samples fall around it, so some come too late, and some twice. */
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.record({
      kind: fc.constant('append'),
      labels: fc.constantFrom(toLabels({ __name__: 'a' }), toLabels({ __name__: 'a', x: '1' }), toLabels({ __name__: 'b', x: '2' })),
      aheadMs: fc.integer({ min: -2, max: 2 }),
      value: fc.oneof({ weight: 9, arbitrary: fc.double() }, { weight: 1, arbitrary: fc.constant('stale' as const) }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('end'), commit: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate') }) },
)

/** What the store must hold, in the plainest words. */
class Model {
  readonly series = new Map<string, { labels: Labels; samples: Sample[] }>()
  floorMs = Number.NEGATIVE_INFINITY

  append(labels: Labels, sample: Sample): 'appended' | 'outOfOrder' | 'duplicate' {
    const key = labelsKey(labels)
    const known = this.series.get(key) ?? { labels, samples: [] }
    const last = known.samples.at(-1)
    if (sample[0] < this.floorMs || (last !== undefined && sample[0] < last[0])) return 'outOfOrder'
    if (last?.[0] === sample[0]) return Object.is(last[1], sample[1]) ? 'appended' : 'duplicate'
    known.samples.push(sample)
    this.series.set(key, known)
    return 'appended'
  }

  truncate(nowMs: number): void {
    this.floorMs = Math.max(this.floorMs, nowMs - RETENTION_MS)
    for (const [key, { samples }] of this.series) if (samples.at(-1)![0] < this.floorMs) this.series.delete(key)
  }

  within(fromMs: number, toMs: number): Map<string, Sample[]> {
    const found = new Map<string, Sample[]>()
    for (const [key, { samples }] of this.series) {
      const kept = samples.filter(([timeMs]) => timeMs >= Math.max(fromMs, this.floorMs) && timeMs <= toMs)
      if (kept.length > 0) found.set(key, kept)
    }
    return found
  }
}

function replay(steps: readonly Step[]) {
  const store = createMemoryStore({ retentionMs: RETENTION_MS })
  const model = new Model()
  const refs = new Map<string, number>()
  let appender = store.appender()
  let pending: { labels: Labels; sample: Sample }[] = []
  // Series that are in the store only because the appender at hand asked for them.
  const asked = new Set<string>()

  function end(commit: boolean): void {
    const want = { appended: 0, outOfOrder: 0, duplicate: 0, overLimit: 0 }
    if (commit) {
      for (const { labels, sample } of pending) want[model.append(labels, sample)]++
      expect(appender.commit()).toEqual(want)
    } else appender.rollback()
    appender = store.appender()
    pending = []
    asked.clear()
  }

  for (const [nowMs, now] of steps.entries()) {
    if (now.kind === 'end') end(now.commit)
    else if (now.kind === 'truncate') {
      store.truncate(nowMs)
      model.truncate(nowMs)
      asked.clear()
    } else {
      const key = labelsKey(now.labels)
      const ref = refs.get(key) ?? 0
      const timeMs = nowMs + now.aheadMs
      if (now.value === 'stale') {
        appender.appendStale(ref, timeMs)
        // A series that holds nothing, and is not about to, has no end to mark.
        if (!model.series.has(key) && !asked.has(key)) continue
      } else {
        refs.set(key, appender.append(ref, now.labels, timeMs, now.value))
        asked.add(key)
      }
      pending.push({ labels: now.labels, sample: [timeMs, now.value] })
    }
  }
  end(true)
  return { store, model }
}

test('what was appended is read back, for any range', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 2500, size: 'max' }),
      fc.integer({ min: -5, max: 4000 }),
      fc.nat(2000),
      (steps, fromMs, lengthMs) => {
        const { store, model } = replay(steps)
        for (const range of [
          { fromMs, toMs: fromMs + lengthMs },
          { fromMs: -10, toMs: 10_000 },
        ]) {
          const found = store.select([{ name: '__name__', op: '!=', value: '' }], range)
          const samples = found.map(({ labels, timesMs, values }) => {
            const column = Array.from(timesMs, (timeMs, i): Sample => [timeMs, isStaleMarker(values, i) ? 'stale' : values[i]!])
            return [labelsKey(labels), column] as const
          })
          expect(new Map(samples)).toEqual(model.within(range.fromMs, range.toMs))
          expect(store.series([], range).map(labelsKey).sort()).toEqual([...model.within(range.fromMs, range.toMs).keys()].sort())
        }
      },
    ),
    { numRuns: 30, endOnFailure: true },
  )
})

test('a series forgotten twice within one batch is known by the ref that was given last', () => {
  const store = createMemoryStore({ retentionMs: RETENTION_MS })
  const labels = toLabels({ __name__: 'a' })
  const appender = store.appender()
  let ref = appender.append(0, labels, 1, 1)
  store.truncate(0)
  ref = appender.append(ref, labels, 2, 2)
  store.truncate(0)
  expect(appender.commit().appended).toBe(2)
  const next = store.appender()
  next.appendStale(ref, 3)
  expect(next.commit().appended).toBe(1)
})
