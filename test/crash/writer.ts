/**
 * A process that does everything with a store until somebody kills it, and says on standard output what was acknowledged.
 *
 *   node writer.ts FOLDER PROMISED SEED   (PROMISED: a file with what earlier processes were told is safe, as JSON)
 *
 * It first checks that all of that is there. Then it writes, reads, deletes, cleans up, takes snapshots and opens them, all at once. Every value follows from
 * series and step, so that any wrong one is seen.
 */
import { readFileSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { toLabels } from '../../src/core/labels.ts'
import { createRandom } from '../../src/core/random.ts'
import { openStore, type TimeSeriesStore } from '../../src/plane/store/store.ts'
import { compareMetadata, Expectation } from './check.ts'
import { baseMs, config, labelsOf, type Message, metricCount, note, type Promised, sampleOf, seriesCount, stepMs } from './plan.ts'

const [folder = '', promisedFile = '', seed = '1'] = process.argv.slice(2)
const promised = JSON.parse(readFileSync(promisedFile, 'utf8')) as Promised
const random = createRandom(Number(seed))

/** Says it, and holds itself to it. A line is written before anything else happens, so what it says was so when the process died. */
function say(message: Message): void {
  note(promised, message)
  writeSync(1, `${JSON.stringify(message)}\n`)
}

function fail(message: string): never {
  say({ kind: 'failed', message })
  process.exit(1)
}

const log = { info() {}, warn: (_: object, message: string) => say({ kind: 'warn', message }), error: console.error }
const deps = { log, clock: { now: () => Number.MAX_SAFE_INTEGER } }
const store = await openStore({ ...config, path: folder }, deps)
await check('after the start', new Expectation(promised), store)
const fault = compareMetadata(store, promised.versions)
if (fault !== undefined) fail(fault)
say({ kind: 'checked' })

const COMMITS_PER_READ = 50
let commits = 0
/** Steps to go on with, by series. */
const next = [...promised.steps]
await Promise.all([0, 1, 2, 3].map((writer) => write(writer)).concat(read(), administer()))

async function check(when: string, expectation: Expectation, of: TimeSeriesStore): Promise<void> {
  const wrong = await expectation.compare(of)
  if (wrong !== undefined) fail(`${when}: ${wrong}`)
}

/** Writes a quarter of the series, some steps at a time; every fifth commit brings its steps out of order. */
async function write(writer: number): Promise<never> {
  const refs = new Map<number, number>()
  for (;;) {
    const appender = store.appender()
    const count = 1 + Math.floor(random() * 4)
    const series: number[] = []
    // Series that run ahead wait for the others, so that none falls behind the out-of-order window.
    const aheadMax = Math.min(...next) + 100
    for (let s = writer; s < seriesCount; s += 4) if (random() < 0.7 && next[s]! < aheadMax) series.push(s)
    const backwards = random() < 0.2
    for (const s of series) {
      const steps = Array.from({ length: count }, (_, i) => next[s]! + i)
      for (const step of backwards ? steps.reverse() : steps) {
        refs.set(s, appender.append(refs.get(s) ?? 0, toLabels(labelsOf(s)), baseMs + step * stepMs, sampleOf(s, step)))
      }
    }
    // A restarted writer may repeat what was written but not acknowledged; nothing may be refused.
    const outcome = await appender.commit()
    if (outcome.firstRefused !== undefined) fail(`refused: ${JSON.stringify(outcome)}`)
    for (const s of series) next[s]! += count
    say({ kind: 'acknowledged', steps: Object.fromEntries(series.map((s) => [s, next[s]!])) })
    if (++commits % 20 === 0) tell()
    if (series.length === 0) await setImmediate()
  }
}

function tell(): void {
  const { flushes, blocks } = store.stats().disk!
  say({ kind: 'stats', flushes, compactions: blocks.compactions, retentionDeletions: blocks.retentionDeletions })
}

/** Reads everything, over and over: what was acknowledged before it began is there, once, whatever moves meanwhile. */
async function read(): Promise<never> {
  for (;;) {
    await check('while it is written', new Expectation(promised), store)
    say({ kind: 'did', what: 'read' })
    // Reading takes far longer than a commit; without a rest there would be little to read.
    const until = commits + COMMITS_PER_READ
    while (commits < until) await setImmediate()
  }
}

/** Tells metadata, and deletes, cleans up or takes a snapshot. */
async function administer(): Promise<never> {
  for (let round = 0; ; round++) {
    const metric = round % metricCount
    const version = promised.versions[metric]! + 1
    store.setMetadata(`crash_${metric}`, { type: 'gauge', help: String(version), unit: '' })
    const chance = random()
    if (chance < 0.6) await deleteSome()
    else if (chance < 0.8) await snapshot()
    else {
      await store.cleanTombstones()
      say({ kind: 'did', what: 'clean' })
    }
    // The log is written in order: what was told before a commit that is acknowledged is safe as well.
    await store.appender().commit()
    say({ kind: 'metadata', metric, version })
  }
}

/** Deletes some steps of one series, well behind what is being written. */
async function deleteSome(): Promise<void> {
  const series = Math.floor(random() * seriesCount)
  const to = promised.steps[series]! - 1 - Math.floor(random() * Math.min(300, promised.steps[series]!))
  const from = to - Math.floor(random() * 60)
  // The log must have something to say: a deletion of nothing is acknowledged at once.
  if (from < 0)
    return store
      .appender()
      .commit()
      .then(() => {})
  const deletion = { series, from, to, isDone: false }
  say({ kind: 'deleting', deletion })
  const range = { fromMs: baseMs + from * stepMs, toMs: baseMs + to * stepMs }
  await store.deleteSeries([[{ name: 'series', op: '=', value: String(series) }]], range)
  say({ kind: 'deleted', deletion })
}

/** A snapshot has what was acknowledged before it was asked for. */
async function snapshot(): Promise<void> {
  const expectation = new Expectation(promised)
  const versions = [...promised.versions]
  const path = join(folder, 'snapshots', await store.snapshot({ skipHead: false }))
  const copy = await openStore({ ...config, path, maintenanceIntervalMs: 2 ** 30 }, deps)
  await check('in a snapshot', expectation, copy)
  const wrong = compareMetadata(copy, versions)
  if (wrong !== undefined) fail(`in a snapshot: ${wrong}`)
  await copy.close()
  await rm(path, { recursive: true })
  say({ kind: 'did', what: 'snapshot' })
}
