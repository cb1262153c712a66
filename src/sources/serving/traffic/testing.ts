import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../../../core/time.ts'
import { nextTraffic } from './codec.ts'
import { type ModelTraffic, REPORT_MS, type RevisionReport, type TrafficState, type TrafficStore } from './contract.ts'
import { Listeners } from './listeners.ts'
import { deploy, firstTraffic, setShares } from './split.ts'

/** What stores of one test share, as processes share a file. */
export class MemoryTraffic {
  readonly models = new Map<string, ModelTraffic>()
  readonly told = new Map<string, { readonly report: RevisionReport; readonly toldMs: number }>()
  readonly listeners = new Set<() => void>()

  /** One more process's view of it. */
  open({ clock = systemClock, reportMs = REPORT_MS }: { clock?: Clock; reportMs?: number } = {}): TrafficStore {
    const own = new Listeners(() => {
      const notify = () => own.notify()
      this.listeners.add(notify)
      return () => this.listeners.delete(notify)
    })
    return {
      read: async () => [...this.models.values()].sort((a, b) => (a.model < b.model ? -1 : 1)),
      update: async (model, change) => {
        const current = this.models.get(model)
        const next = structuredClone(nextTraffic(model, current, change(current)))
        this.models.set(model, next)
        for (const notify of this.listeners) notify()
        return next
      },
      onChange: (listener) => own.add(listener),
      report: async (reports) => {
        for (const report of reports)
          this.told.set(JSON.stringify([report.process, report.model, report.revision]), { report, toldMs: clock.now() })
      },
      withdraw: async (process) => {
        for (const [key, { report }] of this.told) if (report.process === process) this.told.delete(key)
      },
      reports: async () => {
        const sinceMs = clock.now() - reportMs
        return [...this.told].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, { report, toldMs }]) => (toldMs > sinceMs ? [report] : []))
      },
      close: async () => own.close(),
    }
  }
}

/** A place to keep traffic in, for one test. */
export interface TrafficPlace {
  /** Opens it once more, as another process would. */
  open(options?: { readonly reportMs?: number }): Promise<TrafficStore>
  remove(): Promise<void>
}

const reportOf = (process: string, over: Partial<RevisionReport> = {}): RevisionReport => ({
  model: 'weather',
  revision: 'B',
  process,
  state: 'ready',
  reason: undefined,
  generation: 2,
  timeMs: 1000,
  ...over,
})

/** What every store must do. @param create - A fresh, empty place for each test. */
export function testTrafficStore(name: string, create: () => Promise<TrafficPlace>): void {
  describe(name, { timeout: TEST_MS_MAX }, () => {
    let place: TrafficPlace
    const open: TrafficStore[] = []
    const openOne = async (options?: { readonly reportMs?: number }) => {
      const store = await place.open(options)
      open.push(store)
      return store
    }
    beforeEach(async () => {
      place = await create()
    })
    afterEach(async () => {
      await Promise.all(open.splice(0).map((store) => store.close()))
      await place.remove()
    })

    test('in the beginning there is nothing', async () => {
      const store = await openOne()
      expect(await store.read()).toEqual([])
      expect(await store.reports()).toEqual([])
    })

    test('what was written is read, whole and in order, by others too', async () => {
      const [one, other] = [await openOne(), await openOne()]
      const state: TrafficState = {
        latest: 'Ü"\u0000\'--',
        split: {
          shares: [
            { revision: 'A', percent: 90 },
            { revision: 'Ü"\u0000\'--', percent: 10 },
          ],
          latest: 'A',
          sinceMs: 1234.5,
        },
        tags: { blue: 'A', constructor: 'B' },
        shadow: { revision: 'C', ratio: 0.25 },
        history: [
          { shares: 'latest', latest: 'A', sinceMs: 0, undone: true },
          { shares: 'latest', latest: 'A', sinceMs: 0 },
        ],
      }
      const written = await one.update('weather', () => state)
      expect(written).toEqual({ model: 'weather', ...state, generation: 1 })
      await one.update('another', () => firstTraffic('A', 1))
      const read = await other.read()
      expect(read.map(({ model }) => model)).toEqual(['another', 'weather'])
      expect(read[1]).toEqual(written)
      expect(read[0]).toEqual({ model: 'another', ...firstTraffic('A', 1), generation: 1 })
    })

    test('generations count the changes of one model', async () => {
      const store = await openOne()
      await store.update('weather', () => firstTraffic('A', 0))
      await store.update('another', () => firstTraffic('A', 0))
      const next = await store.update('weather', (current) => deploy(current, { revision: 'B', traffic: true, tag: undefined, nowMs: 1 }))
      expect(next).toMatchObject({ generation: 2, latest: 'B', history: [{ latest: 'A' }] })
    })

    test('what a change throws is passed on, and nothing is changed', async () => {
      const store = await openOne()
      await store.update('weather', () => firstTraffic('A', 0))
      const before = await store.read()
      await expect(store.update('weather', (current) => setShares(current!, [{ revision: 'X', percent: 100 }], ['A'], 0))).rejects.toThrow(
        expect.objectContaining({ code: 'MW_TRAFFIC_REVISION_UNKNOWN' }),
      )
      await expect(
        store.update('new', () => {
          throw new TypeError('a bug')
        }),
      ).rejects.toThrow(TypeError)
      expect(await store.read()).toEqual(before)
      await store.update('weather', (current) => current!) // And the store still works.
    })

    test('of changes at the same time none is lost', async () => {
      const stores = [await openOne(), await openOne(), await openOne()]
      await stores[0]!.update('weather', () => firstTraffic('0', 0))
      const count = (current: ModelTraffic | undefined) => ({ ...current!, latest: String(Number(current!.latest) + 1) })
      await Promise.all(Array.from({ length: 30 }, (_, i) => stores[i % 3]!.update('weather', count)))
      expect(await stores[1]!.read()).toMatchObject([{ latest: '30', generation: 31 }])
    })

    test('a change is told to all who listen, in this process and others, until they listen no more', async () => {
      const [one, other] = [await openOne(), await openOne()]
      await one.update('weather', () => firstTraffic('A', 0))
      const heard = { own: 0, other: 0, again: 0 }
      one.onChange(() => heard.own++)
      other.onChange(() => heard.other++)
      const end = other.onChange(() => heard.again++)
      // Repeated, for a listener on a network may begin to listen a moment later.
      await until(
        () => heard.own > 0 && heard.other > 0 && heard.again > 0,
        () => one.update('weather', (current) => current!),
      )
      end()
      await other.read()
      const before = { ...heard }
      await until(
        () => heard.other > before.other,
        () => one.update('weather', (current) => current!),
      )
      expect(heard.again).toBe(before.again)
    })

    test('reports: a process that ends takes back what it told, and no other', async () => {
      const [one, other] = [await openOne(), await openOne()]
      await one.report([reportOf('h:1'), reportOf('h:1', { revision: 'A' })])
      await other.report([reportOf('h:11')])
      await one.withdraw('h:1')
      expect(await other.reports()).toEqual([reportOf('h:11')])
      await one.withdraw('h:1')
    })
    test('reports: the last word of a process on a revision stands, and others see it', async () => {
      const [one, other] = [await openOne(), await openOne()]
      await one.report([reportOf('h:1', { state: 'loading' }), reportOf('h:1', { revision: 'A' })])
      await one.report([reportOf('h:1', { state: 'failed', reason: 'golden row 1: "no"' })])
      await other.report([reportOf('h:2'), reportOf('h:2', { model: 'another' })])
      await other.report([])
      expect(await one.reports()).toEqual([
        reportOf('h:1', { revision: 'A' }),
        reportOf('h:1', { state: 'failed', reason: 'golden row 1: "no"' }),
        reportOf('h:2', { model: 'another' }),
        reportOf('h:2'),
      ])
    })

    test('a report that is not repeated stands no more after a while', async () => {
      const store = await openOne({ reportMs: 300 })
      await store.report([reportOf('h:1')])
      await until(async () => (await store.reports()).length === 0)
      await store.report([reportOf('h:2')])
      await until(async () => (await store.reports()).every(({ process }) => process === 'h:2'))
    })

    test('reports are no change', async () => {
      const [one, other] = [await openOne(), await openOne()]
      await one.update('weather', () => firstTraffic('A', 0))
      const before = await one.read()
      await other.report([reportOf('h:1')])
      expect(await one.read()).toEqual(before)
    })

    test('after its end a store refuses, and others go on', async () => {
      const [one, other] = [await openOne(), await openOne()]
      await one.update('weather', () => firstTraffic('A', 0))
      other.onChange(() => {})
      await other.close()
      if (name !== 'memory') await expect(other.read()).rejects.toThrow(expect.objectContaining({ code: 'MW_TRAFFIC_UNAVAILABLE' }))
      await other.close()
      expect(await one.read()).toHaveLength(1)
    })
  })
}

/** What waits does so for events; only a machine at its limit takes long. */
const TEST_MS_MAX = 30_000
const UNTIL_MS_MAX = 20_000
const UNTIL_DELAY_MS = 25

/** Asks until it is so. @param prod - Done before each look. */
async function until(probe: () => boolean | Promise<boolean>, prod?: () => Promise<unknown>): Promise<void> {
  const endMs = performance.now() + UNTIL_MS_MAX
  for (;;) {
    await prod?.()
    await delay(UNTIL_DELAY_MS)
    if (await probe()) return
    if (performance.now() > endMs) throw new Error(`not within ${UNTIL_MS_MAX} ms`)
  }
}
