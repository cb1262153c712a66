import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect } from 'vitest'
import { type Labels, toLabels } from '../../core/labels.ts'
import type { Matcher } from './contract.ts'
import { openStore, type TimeSeriesStore } from './store.ts'
import { readColumns } from './testing.ts'
import { FaultyDisk } from './testing-disk.ts'

type Settings = Parameters<typeof openStore>[0]
export type Sample = readonly [timeMs: number, value: number]

export const always = { fromMs: Number.MIN_SAFE_INTEGER, toMs: Number.MAX_SAFE_INTEGER }
export const MINUTE_MS = 60_000
export const YEAR_MS = 365 * 86_400_000
export const nowMs = 1_000_000 * MINUTE_MS
export const clock = { now: () => nowMs }
/** What is done is done when the test says so. */
export const config = { blockRangeMs: MINUTE_MS, maintenanceIntervalMs: 2 ** 30, quietMs: 2 ** 30, retentionMs: 1e15 }

export const labels = (name: string, rest: Record<string, string> = {}) => toLabels({ __name__: name, ...rest })
export const named = (name: string): Matcher => ({ name: '__name__', op: '=', value: name })
export const every: Matcher = { name: '__name__', op: '=~', value: '.+' }

/** A data folder on a disk that refuses and delays what a test wants. */
class FaultyFolder {
  disk = new FaultyDisk()
  path = ''
  /** Warnings and errors of the store that was opened last. */
  logged: string[] = []
  readonly #stores: TimeSeriesStore[] = []

  async begin(): Promise<void> {
    this.path = await mkdtemp(join(tmpdir(), 'modelwatch-faults-'))
    this.disk = new FaultyDisk()
    this.logged = []
  }

  async end(): Promise<void> {
    this.disk.refuse = () => undefined
    this.disk.delay = () => undefined
    for (const store of this.#stores.splice(0)) await store.close()
    this.disk.restore()
    await rm(this.path, { recursive: true, force: true })
  }

  async open(more: Settings = {}): Promise<TimeSeriesStore> {
    const note = (fields: object, message: string) => void this.logged.push(`${message} ${JSON.stringify(fields)}`)
    const store = await openStore({ ...config, path: this.path, ...more }, { clock, log: { info() {}, warn: note, error: note } })
    this.#stores.push(store)
    return store
  }

  /** Ends the store without a word to the disk, as a kill would, and opens the folder anew. */
  async reopen(store: TimeSeriesStore, more: Settings = {}): Promise<TimeSeriesStore> {
    this.disk.refuse = (step, at) => (step !== 'readFile' && at.includes('checkpoints') ? 'EIO' : undefined)
    await store.close()
    this.disk.refuse = () => undefined
    this.#stores.splice(this.#stores.indexOf(store), 1)
    this.logged = []
    return this.open(more)
  }

  /** A disk so full that the log has noticed. */
  async fillDisk(store: TimeSeriesStore): Promise<void> {
    this.disk.refuse = full((at) => at.includes(this.path))
    append(store, labels('filler'), [[nowMs, 1]]).catch(() => {})
    await expect.poll(() => store.readOnlyReason).toContain('full')
  }
}

/** A folder of its own for each test of the file. */
export function useFaultyFolder(): FaultyFolder {
  const folder = new FaultyFolder()
  beforeEach(() => folder.begin())
  afterEach(() => folder.end())
  return folder
}

export const full = (what: (at: string) => boolean) => (step: string, at: string) =>
  (step === 'write' || step === 'open' || step === 'mkdir') && what(at) ? 'ENOSPC' : undefined

export async function append(store: TimeSeriesStore, series: Labels, samples: readonly Sample[]) {
  const appender = store.appender()
  let ref = 0
  for (const [timeMs, value] of samples) ref = appender.append(ref, series, timeMs, value)
  return appender.commit()
}

/** So many samples, ten seconds apart, the last one now. */
export function untilNow(count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => [nowMs - (count - 1 - i) * 10_000, i] as const)
}

export async function values(store: TimeSeriesStore, name: string): Promise<Record<number, number>> {
  const found: Record<number, number> = {}
  for (const one of await readColumns(store, [named(name)])) for (const [i, timeMs] of one.timesMs.entries()) found[timeMs] = one.values[i]!
  return found
}

export const valuesOf = (samples: readonly Sample[]) => Object.fromEntries(samples)
