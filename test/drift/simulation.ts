import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { modelThreadFile } from '../../src/app/package.ts'
import { toLabels } from '../../src/core/labels.ts'
import { createRandom, shuffled } from '../../src/core/random.ts'
import { Registry } from '../../src/instrument/index.ts'
import { createQueryEngine } from '../../src/plane/promql/index.ts'
import { RunningGroup } from '../../src/plane/rules/group.ts'
import type { ActiveAlert } from '../../src/plane/rules/index.ts'
import { parseRuleFile } from '../../src/plane/rules/index.ts'
import { createMemoryStore, type SeriesRef } from '../../src/plane/store/index.ts'
import { readModelPackage } from '../../src/sources/serving/models/index.ts'
import { runtimes } from '../../src/sources/serving/runtimes/index.ts'
import { locateColumns, openTable } from '../../src/tables/index.ts'
import {
  type Column,
  type Columns,
  compileRowReader,
  createObserver,
  type ModelSchema,
  type Reference,
  toInputValue,
  toRuleFile,
} from '../../src/watch/index.ts'

export const exampleDir = join(import.meta.dirname, '../../examples/weather')

const SCRAPE_EVERY_MS = 2000
const EVALUATE_EVERY_MS = 5000

/** Rows of a file with the model's answers, so that a simulated prediction is a look-up. */
export interface PredictedRows {
  readonly columns: Columns
  readonly outputs: readonly Column[]
}

export async function predictFile(name: string): Promise<PredictedRows> {
  const { schema, modelPath, settings } = await readModelPackage(join(exampleDir, 'models/weather'), runtimes)
  const path = join(exampleDir, 'data', name)
  const table = await openTable(path)
  const columns = locateColumns(
    path,
    table,
    schema.features.map((feature) => feature.name),
  )
  const rows: unknown[] = []
  for await (const batch of table.batches()) {
    for (const cells of batch)
      rows.push(Object.fromEntries(schema.features.map((feature, f) => [feature.name, toInputValue(feature, cells[columns[f]!]!)])))
  }
  const read = compileRowReader(schema)(rows)
  const model = await runtimes[0]!.load(modelPath, schema, {
    settings,
    placement: 'inline',
    threads: 1,
    threadFile: modelThreadFile,
    onEvent() {},
  })
  return { columns: read.columns, outputs: await model.predict(read.columns) }
}

/** A stream of rows at a steady rate, shuffled anew for each pass, as `modelwatch replay` sends them. */
export interface Stream {
  readonly rows: PredictedRows
  readonly rate: number
  readonly seed: number
  readonly fromMs: number
}

/**
 * The example without its processes: the same observer, exposition text, store, engine and generated rules, on a simulated clock.
 * Ten minutes take a second.
 */
export class Simulation {
  readonly #registry: Registry
  readonly #store = createMemoryStore({ retentionMs: 3_600_000 })
  readonly #engine = createQueryEngine({}, { reader: this.#store })
  readonly #refs = new Map<string, SeriesRef>()
  readonly #observer
  readonly #groups: readonly RunningGroup[]
  readonly failures: unknown[] = []
  #nowMs = Date.UTC(2026, 0, 1)
  readonly #startMs = this.#nowMs

  private constructor(schema: ModelSchema, observer: ReturnType<typeof createObserver>, registry: Registry) {
    this.#observer = observer
    this.#registry = registry
    const groups = parseRuleFile(toRuleFile(schema), { file: 'weather.yml', intervalMs: EVALUATE_EVERY_MS }, { engine: this.#engine })
    this.#groups = groups.map(
      (group) =>
        new RunningGroup(
          group,
          { externalLabels: {} },
          { engine: this.#engine, store: this.#store, onError: (failure) => this.failures.push(failure) },
        ),
    )
  }

  static async create(): Promise<Simulation> {
    const { schema, revision, reference } = await readModelPackage(join(exampleDir, 'models/weather'), runtimes)
    return Simulation.of(schema, revision, reference!)
  }

  static of(schema: ModelSchema, revision: string, reference: Reference): Simulation {
    const registry = new Registry()
    return new Simulation(schema, createObserver(schema, revision, reference, registry), registry)
  }

  /** Counts rows at this moment. */
  observe(rows: PredictedRows): void {
    this.#observer.inputs({ columns: rows.columns, specials: [], faults: [], faultCount: 0, violations: [] })
    this.#observer.outputs(rows.outputs)
  }

  /** Lets time pass. @returns every alert that was pending or firing at some evaluation, with the time since the start. */
  async run(durationMs: number, streams: readonly Stream[]): Promise<{ afterMs: number; alert: ActiveAlert }[]> {
    const seen: { afterMs: number; alert: ActiveAlert }[] = []
    const sources = streams.map((stream) => ({ ...stream, order: this.#orderOf(stream), sent: 0 }))
    const endMs = this.#nowMs + durationMs
    const startMs = this.#nowMs
    while (this.#nowMs < endMs) {
      this.#nowMs += 1000
      for (const source of sources) {
        const due = Math.floor(((this.#nowMs - startMs - source.fromMs) / 1000) * source.rate)
        for (; source.sent < due; source.sent++) this.#predict(source.rows, source.order.next().value)
      }
      if ((this.#nowMs - this.#startMs) % SCRAPE_EVERY_MS === 0) this.#scrape()
      if ((this.#nowMs - this.#startMs) % EVALUATE_EVERY_MS !== 0) continue
      for (const group of this.#groups) await group.evaluate(this.#nowMs)
      for (const group of this.#groups) for (const alert of group.alerts) seen.push({ afterMs: this.#nowMs - startMs, alert })
    }
    return seen
  }

  /** Lets time pass without rows, then evaluates the rules once. */
  async settle(durationMs: number): Promise<void> {
    for (const endMs = this.#nowMs + durationMs; this.#nowMs < endMs; ) {
      this.#nowMs += SCRAPE_EVERY_MS
      this.#scrape()
    }
    for (const group of this.#groups) await group.evaluate(this.#nowMs)
  }

  /** The value of each series of a query now, by its label `name`. */
  async values(query: string): Promise<Record<string, number>> {
    const { value } = await this.#engine.instant(query, this.#nowMs)
    if (value.kind !== 'vector') throw new Error(`${query} is no vector`)
    return Object.fromEntries(value.samples.map(({ labels, value: v }) => [labels.find(([name]) => name === 'name')?.[1] ?? '', v]))
  }

  *#orderOf({ rows, seed }: Stream): Generator<number, never> {
    const random = createRandom(seed)
    const indices = Array.from({ length: rows.columns.rows }, (_, i) => i)
    for (;;) yield* shuffled(indices, random)
  }

  #predict({ columns, outputs }: PredictedRows, row: number): void {
    this.observe({
      columns: { rows: 1, values: columns.values.map((column) => column.slice(row, row + 1)) },
      outputs: outputs.map((column) => column.slice(row, row + 1)),
    })
  }

  #scrape(): void {
    const appender = this.#store.appender()
    for (const line of this.#registry.render().split('\n')) {
      if (line === '' || line.startsWith('#')) continue
      const split = line.lastIndexOf(' ')
      const series = line.slice(0, split)
      const known = this.#refs.get(series) ?? 0
      const labels = known === 0 ? parseSeries(series) : []
      this.#refs.set(series, appender.append(known, labels, this.#nowMs, Number(line.slice(split + 1))))
    }
    appender.commit()
  }
}

function parseSeries(text: string) {
  const name = /^[^{]+/.exec(text)![0]
  const labels = Object.fromEntries([...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, value]) => [label!, value!]))
  return toLabels({ __name__: name, job: 'gateway', instance: 'simulated', ...labels })
}

/** The committed rule file of the example. */
export const committedRules = () => readFileSync(join(exampleDir, 'rules/weather.yml'), 'utf8')
