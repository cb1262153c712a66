import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseConfig } from '../../../core/config.ts'
import { type Column, type Columns, type ModelSchema, parseModelSchema } from '../../../watch/index.ts'
import type { LoadContext, LoadedModel, Runtime, RuntimeEvent } from './contract.ts'

/** The program of a model's thread, as tests run it. */
export const threadFile = new URL('./threads/main.ts', import.meta.url)

/** What a model is loaded with in a test: one thread, calls on the event loop where they may be, the runtime's defaults. */
export function testContext(
  runtime: Runtime,
  options: { placement?: LoadContext['placement']; threads?: number; settings?: Readonly<Record<string, unknown>> } = {},
): LoadContext & { readonly events: RuntimeEvent[] } {
  const events: RuntimeEvent[] = []
  return {
    settings: parseConfig(runtime.settings, JSON.stringify(options.settings ?? {}), { file: 'revision.yaml' }).value,
    placement: options.placement ?? 'inline',
    threads: options.threads ?? 1,
    threadFile,
    events,
    onEvent: (event) => events.push(event),
  }
}

type Row = Readonly<Record<string, unknown>>

/** A model that every runtime makes in its own way, and then must be told from no other. */
interface Definition {
  readonly schema: ModelSchema
  /** Rows that the schema allows. Numbers are those that 32 bits hold exactly. */
  readonly row: fc.Arbitrary<Row>
  /** By output. */
  readonly answer: (row: Row) => Readonly<Record<string, unknown>>
}

const define = (text: string, row: fc.Arbitrary<Row>, answer: Definition['answer']): Definition => ({
  schema: parseModelSchema(text, { file: 'model.yaml' }),
  row,
  answer,
})

const number = fc.integer({ min: -4_000_000, max: 4_000_000 }).map((n) => n / 8)
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })

/** The models of the suite. `sum` and `mixed` are every runtime's; the others those of runtimes that say so in `takes`. */
export const definitions = {
  /** total = a + b; without a, total is NaN. */
  sum: define(
    'name: sum\nfeatures: [{ name: a, type: number, nullable: true }, { name: b, type: number }]\noutputs: [{ name: total, kind: regression }]',
    fc.record({ a: number, b: number }),
    ({ a, b }) => ({ total: (a as number) + (b as number) }),
  ),
  /** score = x + n + (flag ? 1 : 0); label = c. */
  mixed: define(
    `name: mixed
features:
  - { name: x, type: number }
  - { name: n, type: integer, range: [-100000, 100000] }
  - { name: flag, type: boolean }
  - { name: c, type: category, categories: [red, green, blue] }
outputs: [{ name: score, kind: regression }, { name: label, kind: classification, classes: [red, green, blue] }]`,
    fc.record({
      x: number,
      n: fc.integer({ min: -100_000, max: 100_000 }),
      flag: fc.boolean(),
      c: fc.constantFrom('red', 'green', 'blue'),
    }),
    ({ x, n, flag, c }) => ({ score: (x as number) + (n as number) + (flag === true ? 1 : 0), label: c }),
  ),
  /** same = w, of 64 bits. */
  int64: define(
    'name: wide\nfeatures: [{ name: w, type: int64 }]\noutputs: [{ name: same, kind: value, type: int64 }]',
    fc.record({ w: int64 }),
    ({ w }) => ({ same: w }),
  ),
  /** same = s, three numbers. */
  shape: define(
    'name: shaped\nfeatures: [{ name: s, type: number, shape: [3] }]\noutputs: [{ name: same, kind: value, type: number, shape: [3] }]',
    fc.record({ s: fc.tuple(number, number, number) }),
    ({ s }) => ({ same: s }),
  ),
  /** same = p, the bytes of a picture; here any bytes. */
  image: define(
    'name: picture\nfeatures: [{ name: p, type: image }]\noutputs: [{ name: same, kind: value, type: image }]',
    fc.record({ p: fc.uint8Array({ minLength: 1, maxLength: 300 }) }),
    ({ p }) => ({ same: p }),
  ),
} satisfies Record<string, Definition>
export type DefinitionName = keyof typeof definitions

/** A runtime under test, and how its models are made. */
export interface RuntimeSubject {
  readonly runtime: Runtime
  readonly placements: readonly LoadContext['placement'][]
  /** Definitions beyond `sum` and `mixed` that it can be. */
  readonly takes: readonly Exclude<DefinitionName, 'sum' | 'mixed'>[]
  /** Makes the model of a definition. @returns the file that `load` is given. Called once for each. */
  make(name: DefinitionName): Promise<string>
  /** A file that `load` is given. Each is refused with that code. */
  readonly broken: readonly { readonly why: string; readonly code: string; make(): Promise<string> }[]
  /** Values of a and b at which the model of `sum` fails, or refuses to compute, and what its error says. */
  readonly failing: { readonly a: number; readonly b: number; readonly message: RegExp; readonly code: string | undefined }
  /** Whether `load` can know that a model has not the features and outputs of its schema. */
  readonly knowsMismatch: boolean
  readonly settings?: Readonly<Record<string, unknown>>
  close(): Promise<void>
}

/** Rows as the columns that a gateway makes of them. */
export function toColumns(schema: ModelSchema, rows: readonly Row[]): Columns {
  return {
    rows: rows.length,
    values: schema.features.map(({ name, type, shape }): Column => {
      const values = rows.map((row) => row[name])
      if (type === 'category' || type === 'image') return values as string[]
      if (type === 'int64') return BigInt64Array.from(values as bigint[])
      if (type === 'uint64') return BigUint64Array.from(values as bigint[])
      return Float64Array.from(shape === undefined ? values : values.flat(8), Number)
    }),
  }
}

/** The answers row by row, as the definitions tell them. */
function toAnswers(schema: ModelSchema, rows: number, outputs: readonly Column[]): Record<string, unknown>[] {
  return Array.from({ length: rows }, (_, r) =>
    Object.fromEntries(
      schema.outputs.map(({ name, shape }, o) => {
        const column = outputs[o]!
        const width = column.length / rows
        return [name, shape === undefined ? column[r] : [...column.slice(r * width, (r + 1) * width)]]
      }),
    ),
  )
}

/** Equal, but for what float32 loses. */
function expectAnswers(got: readonly Readonly<Record<string, unknown>>[], want: readonly Readonly<Record<string, unknown>>[]): void {
  const round = (value: unknown): unknown =>
    typeof value === 'number' ? Number(value.toPrecision(6)) : Array.isArray(value) ? value.map(round) : value
  const rounded = (rows: readonly Readonly<Record<string, unknown>>[]) =>
    rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, round(value)])))
  expect(rounded(got)).toEqual(rounded(want))
}

/** Threads start slowly on a machine that does much else. */
const TEST_MS_MAX = 60_000

const sampleRows = (definition: Definition, count: number, seed = 1) => fc.sample(definition.row, { numRuns: count, seed })

/**
 * What every runtime keeps, whatever it runs. `make` is called once, before the first test.
 * Tests that need many models at once load `sum`, whose calls are the cheapest.
 */
export function runtimeConformance(name: string, make: () => Promise<RuntimeSubject>): void {
  describe(`${name} is a runtime`, { timeout: TEST_MS_MAX }, () => {
    let subject: RuntimeSubject
    const paths = new Map<DefinitionName, Promise<string>>()
    const loaded: LoadedModel[] = []
    beforeAll(async () => {
      subject = await make()
    }, TEST_MS_MAX)
    afterAll(async () => {
      await Promise.all(loaded.map((model) => model.unload()))
      await subject.close()
    }, TEST_MS_MAX)

    async function load(name: DefinitionName, options: Parameters<typeof testContext>[1] = {}): Promise<LoadedModel> {
      const path = paths.get(name) ?? subject.make(name)
      paths.set(name, path)
      const context = testContext(subject.runtime, { settings: subject.settings ?? {}, ...options })
      const model = await subject.runtime.load(await path, definitions[name].schema, context)
      loaded.push(model)
      return model
    }
    const each = async (check: (placement: LoadContext['placement']) => Promise<void>) => {
      for (const placement of subject.placements) await check(placement)
    }
    const names = (): DefinitionName[] => ['sum', 'mixed', ...subject.takes]

    test('predicts what its definition says, of every kind of value', async () => {
      await each(async (placement) => {
        for (const name of names()) {
          const definition: Definition = definitions[name]
          const model = await load(name, { placement })
          const rows = sampleRows(definition, 100)
          const outputs = await model.predict(toColumns(definition.schema, rows))
          expect(outputs.length).toBe(definition.schema.outputs.length)
          expectAnswers(toAnswers(definition.schema, rows.length, outputs), rows.map(definition.answer))
          await model.unload()
        }
      })
    })

    test('a batch is answered as its rows alone are', async () => {
      for (const name of names()) {
        const definition: Definition = definitions[name]
        const model = await load(name, { placement: 'threads' })
        const property = fc.asyncProperty(fc.array(definition.row, { minLength: 1, maxLength: 20 }), async (rows) => {
          const batched = await model.predict(toColumns(definition.schema, rows))
          const alone: unknown[] = []
          for (const row of rows) alone.push(...toAnswers(definition.schema, 1, await model.predict(toColumns(definition.schema, [row]))))
          expect(toAnswers(definition.schema, rows.length, batched)).toEqual(alone)
        })
        await fc.assert(property, { numRuns: 15 }) // A failure prints its seed.
        await model.unload()
      }
    })

    test('calls at the same time get each their own answer, and the columns stay the caller’s', async () => {
      await each(async (placement) => {
        const model = await load('sum', { placement, threads: 2 })
        expect(model.concurrency).toBeGreaterThanOrEqual(1)
        const calls = Array.from({ length: 60 }, (_, i) => sampleRows(definitions.sum, (i % 7) + 1, i + 1))
        const columns = calls.map((rows) => toColumns(definitions.sum.schema, rows))
        const outputs = await Promise.all(columns.map((one) => model.predict(one)))
        for (const [i, rows] of calls.entries()) {
          expectAnswers(toAnswers(definitions.sum.schema, rows.length, outputs[i]!), rows.map(definitions.sum.answer))
          expect(columns[i]).toEqual(toColumns(definitions.sum.schema, rows))
        }
        await model.unload()
      })
    })

    test('no rows, no answers', async () => {
      await each(async (placement) => {
        const model = await load('mixed', { placement })
        const outputs = await model.predict(toColumns(definitions.mixed.schema, []))
        expect(outputs.map((column) => column.length)).toEqual([0, 0])
        await model.unload()
      })
    })

    test('a number that is absent makes its own row NaN, and no other', async () => {
      await each(async (placement) => {
        const model = await load('sum', { placement })
        const [total] = await model.predict({ rows: 3, values: [Float64Array.of(1, Number.NaN, 3), Float64Array.of(10, 20, 30)] })
        expect(total).toEqual(Float64Array.of(11, Number.NaN, 33))
        await model.unload()
      })
    })

    test('a row that fails fails its call, and the next call is answered', async () => {
      await each(async (placement) => {
        const model = await load('sum', { placement })
        const { a, b, message, code } = subject.failing
        const failed = model.predict({ rows: 2, values: [Float64Array.of(1, a), Float64Array.of(2, b)] })
        await expect(failed).rejects.toThrow(message)
        if (code !== undefined) await expect(failed).rejects.toMatchObject({ code })
        expect(await model.predict({ rows: 1, values: [Float64Array.of(1), Float64Array.of(2)] })).toEqual([Float64Array.of(3)])
        await model.unload()
      })
    })

    test('a call whose deadline has passed is not made; one in time is', async () => {
      await each(async (placement) => {
        const model = await load('sum', { placement })
        const columns = { rows: 1, values: [Float64Array.of(1), Float64Array.of(2)] }
        await expect(model.predict(columns, { deadlineMs: performance.now() - 1 })).rejects.toMatchObject({ code: 'MW_DEADLINE_PASSED' })
        expect(await model.predict(columns, { deadlineMs: performance.now() + 60_000 })).toEqual([Float64Array.of(3)])
        await model.unload()
      })
    })

    test('unloading lets calls under way end, refuses others, and may be asked for twice', async () => {
      await each(async (placement) => {
        const model = await load('sum', { placement, threads: 2 })
        const columns = { rows: 1, values: [Float64Array.of(1), Float64Array.of(2)] }
        const calls = Array.from({ length: 20 }, () => model.predict(columns))
        const unloaded = Promise.all([model.unload(), model.unload()])
        expect(await Promise.all(calls)).toEqual(calls.map(() => [Float64Array.of(3)]))
        await unloaded
        await expect(model.predict(columns)).rejects.toMatchObject({ code: 'MW_MODEL_DOWN' })
      })
    })

    test('threads are counted, and changed in number while calls go on', async () => {
      if (!subject.placements.includes('threads')) return
      const model = await load('sum', { placement: 'threads', threads: 1 })
      const { threads } = model
      if (threads === undefined) return
      expect([threads.count, model.concurrency]).toEqual([1, 1])
      let going = true
      const caller = async () => {
        for (let i = 0; going; i++) {
          expect(await model.predict({ rows: 1, values: [Float64Array.of(i), Float64Array.of(1)] })).toEqual([Float64Array.of(i + 1)])
        }
      }
      const callers = Promise.all([caller(), caller(), caller()])
      await threads.resize(3)
      expect([threads.count, model.concurrency]).toEqual([3, 3])
      await Promise.all([threads.resize(1), threads.resize(2)])
      expect([threads.count, model.concurrency]).toEqual([2, 2])
      going = false
      await callers
      await model.unload()
    })

    test('a model that is broken, absent or another is refused by name', async () => {
      await each(async (placement) => {
        const context = testContext(subject.runtime, { placement, settings: subject.settings ?? {} })
        for (const { why, code, make } of subject.broken) {
          const path = await make()
          await expect(subject.runtime.load(path, definitions.sum.schema, context), why).rejects.toMatchObject({
            code,
            message: expect.stringContaining(path) as string,
          })
        }
        if (!subject.knowsMismatch) return
        const path = await (paths.get('sum') ?? subject.make('sum'))
        paths.set('sum', Promise.resolve(path))
        await expect(subject.runtime.load(path, definitions.mixed.schema, context)).rejects.toMatchObject({ code: 'MW_MODEL_MISMATCH' })
      })
    })
  })
}
