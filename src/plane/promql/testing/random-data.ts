/** Test support: series of every kind that makes arithmetic difficult. */
import { type Labels, toLabels } from '../../../core/labels.ts'
import { createMemoryStore, STALE_NAN_BITS } from '../../store/index.ts'
import type { QueryEngineConfig } from '../config.ts'
import type { QueryEngine } from '../contract.ts'
import { createQueryEngine } from '../engine.ts'

export interface DataSeries {
  readonly labels: Labels
  readonly timesMs: number[]
  readonly values: Float64Array
}

export const dataStartMs = 1_700_000_000_000
export const dataEndMs = dataStartMs + 3_600_000

/** @param random - Numbers in [0, 1). */
export function createData(random: () => number): DataSeries[] {
  const found: DataSeries[] = []

  function add(
    record: Record<string, string>,
    next: (value: number, i: number) => number,
    options: { gaps?: number; jitter?: boolean } = {},
  ): void {
    const timesMs: number[] = []
    const values: number[] = []
    const stale: number[] = []
    let value = 0
    let gap = 0
    const offsetMs = Math.floor(random() * 15) * 1000
    for (let i = 0, timeMs = dataStartMs + offsetMs; timeMs < dataEndMs; i++, timeMs += 15_000) {
      value = next(value, i)
      if (gap > 0) gap--
      else if (random() < (options.gaps ?? 0.01)) {
        gap = Math.floor(random() * 40)
        // A series that goes away is marked, or is not.
        if (random() < 0.6) {
          stale.push(values.length)
          timesMs.push(timeMs)
          values.push(0)
        }
        continue
      }
      if (gap > 0) continue
      timesMs.push(options.jitter === true ? timeMs + Math.floor(random() * 3000) : timeMs)
      values.push(value)
    }
    const column = Float64Array.from(values)
    const bits = new BigUint64Array(column.buffer)
    for (const i of stale) bits[i] = STALE_NAN_BITS
    found.push({ labels: toLabels(record), timesMs, values: column })
  }

  const counter = (rate: number) => (value: number) => (random() < 0.01 ? random() * rate : value + random() * rate)
  for (const job of ['a', 'b']) {
    for (const inst of ['1', '2', '3']) {
      add({ __name__: 'c_total', job, inst }, counter(10), { jitter: inst === '2' })
      add({ __name__: 'g', job, inst }, (value) => value * 0.9 + (random() - 0.5) * 100)
      add({ __name__: 'ints', job, inst }, () => Math.floor(random() * 4) - 1)
    }
    for (const [i, le] of ['0.1', '0.5', '1', '2.5', '+Inf'].entries()) {
      add({ __name__: 'h_bucket', job, le }, (value) => value + Math.floor(random() * 3) + i, { gaps: 0.003 })
    }
    add({ __name__: 'h_count', job }, counter(30))
    const odd = [0, -0, 1e300, -1e300, 1e-300, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5, -5]
    add({ __name__: 'wild', job }, () => odd[Math.floor(random() * odd.length)]!)
    add({ __name__: 'typed', job, __type__: 'gauge', __unit__: 'seconds' }, () => random() * 10)
    add({ __name__: 'sparse', job }, () => random() * 10, { gaps: 0.3 })
  }
  add({ __name__: 'typed', job: 'a', __type__: 'counter' }, (value) => value + 1)
  add({ __name__: 'one' }, () => 1)
  return found
}

/** An engine over the data, with experimental functions. */
export async function createDataEngine(data: readonly DataSeries[], config: Partial<QueryEngineConfig> = {}): Promise<QueryEngine> {
  const store = createMemoryStore({ retentionMs: Number.POSITIVE_INFINITY })
  const appender = store.appender()
  for (const { labels, timesMs, values } of data) appender.appendColumns(0, labels, Float64Array.from(timesMs), values, values.length)
  await appender.commit()
  return createQueryEngine({ ...config, experimentalFunctions: true }, { reader: store })
}

/** Whether two values are the same but for rounding: sums differ in their last digits by the order of what is summed. */
export function near(a: number, b: number, tolerance: number): boolean {
  if (Object.is(a, b) || a === b) return true
  if (Number.isNaN(a) || Number.isNaN(b)) return false
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b)) + 1e-9
}
