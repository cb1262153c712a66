import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Labels } from '../../core/labels.ts'
import { labelsKey, toLabels } from '../../core/labels.ts'
import { createMemoryStore } from './memory-store.ts'
import { isStaleMarker } from './stale.ts'

const labelSets = ['a', 'b', 'c'].flatMap((name) => ['', '1', '2'].map((x) => toLabels({ __name__: name, x })))

/** Mostly forwards, sometimes back: the model says what must become of each. */
const operation = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      series: fc.nat(labelSets.length - 1),
      aheadMs: fc.integer({ min: -3, max: 40 }),
      value: fc.double(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('stale' as const),
      series: fc.nat(labelSets.length - 1),
      aheadMs: fc.integer({ min: -3, max: 40 }),
      value: fc.constant(0),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('commit' as const, 'rollback' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('truncate' as const), nowMs: fc.nat(4000) }) },
)

type Sample = readonly [timeMs: number, value: number | 'stale']

test('what was appended is read back, for any range and any matcher', () => {
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 2500, size: 'max' }),
      fc.integer({ min: -10, max: 3000 }),
      fc.nat(3000),
      (operations, fromMs, lengthMs) => {
        const retentionMs = 1000
        const store = createMemoryStore({ retentionMs })
        const model = new Map<string, { labels: Labels; samples: Sample[] }>()
        let floorMs = Number.NEGATIVE_INFINITY
        let clockMs = 0
        let appender = store.appender()
        let pending: { labels: Labels; sample: Sample }[] = []
        const refs = new Map<number, number>()

        const commit = () => {
          const want = { appended: 0, outOfOrder: 0, duplicate: 0, overLimit: 0 }
          for (const { labels, sample } of pending) {
            const known = model.get(labelsKey(labels)) ?? { labels, samples: [] }
            const last = known.samples.at(-1)
            if (sample[0] < floorMs || (last !== undefined && sample[0] < last[0])) want.outOfOrder++
            else if (last?.[0] === sample[0]) want[Object.is(last[1], sample[1]) ? 'appended' : 'duplicate']++
            else {
              want.appended++
              known.samples.push(sample)
              model.set(labelsKey(labels), known)
            }
          }
          expect(appender.commit()).toEqual(want)
        }

        for (const step of operations) {
          if (step.kind === 'truncate') {
            floorMs = Math.max(floorMs, step.nowMs - retentionMs)
            store.truncate(step.nowMs)
            for (const [key, { samples }] of model) if (samples.every(([timeMs]) => timeMs < floorMs)) model.delete(key)
          } else if (step.kind === 'commit' || step.kind === 'rollback') {
            if (step.kind === 'commit') commit()
            else appender.rollback()
            appender = store.appender()
            pending = []
          } else {
            clockMs += Math.max(0, step.aheadMs - 38)
            const labels = labelSets[step.series]!
            const timeMs = clockMs + step.aheadMs
            const ref = refs.get(step.series) ?? 0
            if (step.kind === 'append') {
              refs.set(step.series, appender.append(ref, labels, timeMs, step.value))
              pending.push({ labels, sample: [timeMs, step.value] })
            } else if (
              ref !== 0 &&
              store.select(
                labels.map(([name, value]) => ({ name, op: '=', value })),
                { fromMs: 0, toMs: 1e9 },
              ).length > 0
            ) {
              appender.appendStale(ref, timeMs)
              if (model.has(labelsKey(labels))) pending.push({ labels, sample: [timeMs, 'stale'] })
            }
          }
        }
        commit()

        const toMs = fromMs + lengthMs
        const found = store.select(
          [
            { name: '__name__', op: '=~', value: 'a|c' },
            { name: 'x', op: '!=', value: '2' },
          ],
          { fromMs, toMs },
        )
        const got = new Map(
          found.map(({ labels, timesMs, values }) => [
            labelsKey(labels),
            Array.from(timesMs, (timeMs, i) => [timeMs, isStaleMarker(values, i) ? 'stale' : values[i]]),
          ]),
        )
        const want = new Map<string, Sample[]>()
        for (const [key, { labels, samples }] of model) {
          const record = Object.fromEntries(labels)
          const within = samples.filter(([timeMs]) => timeMs >= fromMs && timeMs <= toMs && timeMs >= floorMs)
          if (within.length > 0 && record.__name__ !== 'b' && record.x !== '2') want.set(key, within)
        }
        expect(got).toEqual(want)
      },
    ),
    { numRuns: 60 },
  )
})
