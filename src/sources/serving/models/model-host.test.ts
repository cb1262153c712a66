import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Registry } from '../../../instrument/index.ts'
import type { LoadedModel, Runtime } from '../runtimes/contract.ts'
import type { TrafficStore } from '../traffic/contract.ts'
import { deploy, firstTraffic, removeTag, setShadow, setShares, setTag } from '../traffic/index.ts'
import { MemoryTraffic } from '../traffic/testing.ts'
import { ModelsConfig } from './config.ts'
import type { ModelHost } from './contract.ts'
import { createModelHost } from './model-host.ts'

/** Answers its factor times the input; a model file that says so cannot be loaded. Calls wait while the gate is shut. */
class ScriptedRuntime implements Runtime {
  readonly name = 'scripted'
  readonly modelFiles = ['model.script']
  readonly settings = Type.Object({}, { additionalProperties: false, default: {} })
  readonly unloaded: string[] = []
  gate: Promise<void> = Promise.resolve()
  unloading: Promise<void> = Promise.resolve()

  async load(modelPath: string): Promise<LoadedModel> {
    const text = (await readFile(modelPath, 'utf8')).trim()
    if (text === 'broken') throw new Error('this model is broken')
    const factor = Number(text)
    return {
      concurrency: 1,
      threads: undefined,
      predict: async ({ values }) => {
        await this.gate
        return [(values[0] as Float64Array).map((value) => value * factor)]
      },
      unload: () => {
        this.unloaded.push(text)
        return this.unloading
      },
    }
  }
}

let dir = ''
let hosts: ModelHost[] = []
let runtime: ScriptedRuntime
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'host-'))
  runtime = new ScriptedRuntime()
  await mkdir(join(dir, 'twice'))
  await writeFile(
    join(dir, 'twice/model.yaml'),
    'name: twice\nfeatures: [{ name: x, type: number }]\noutputs: [{ name: y, kind: regression }]\n',
  )
})
afterEach(async () => {
  for (const host of hosts) await host.close()
  hosts = []
  await rm(dir, { recursive: true })
})

const write = async (revision: string, text: string | number) => {
  await mkdir(join(dir, 'twice/revisions', revision), { recursive: true })
  await writeFile(join(dir, 'twice/revisions', revision, 'model.script'), String(text))
}

async function start(options: { config?: Partial<ModelsConfig>; store?: TrafficStore } = {}) {
  const registry = new Registry()
  const store = options.store ?? new MemoryTraffic().open()
  const notes: string[] = []
  const errors: unknown[] = []
  const clock = { nowMs: 1_000_000, now: () => clock.nowMs }
  const onNote: { call: () => unknown } = { call: () => {} }
  const config = { ...(Value.Default(ModelsConfig, {}) as ModelsConfig), ...options.config }
  const host = await createModelHost(dir, config, store, {
    registry,
    clock,
    runtimes: [runtime],
    placement: 'inline',
    threads: 1,
    version: '0.0.0',
    threadFile: new URL('file:///none'),
    process: 'test:1',
    onEvent() {},
    onNote: ({ text }) => {
      notes.push(text)
      onNote.call()
    },
    onError: (error) => errors.push(error),
  })
  hosts.push(host)
  const model = host.get('twice')!
  const ask = async (route: Parameters<typeof model.choose>[0] = {}) => {
    const served = model.choose(route)
    served.enter()
    try {
      const { outputs } = await served.predict({ rows: 1, values: [Float64Array.of(1)] })
      return outputs[0]![0]
    } finally {
      served.leave()
    }
  }
  const set = (change: Parameters<typeof store.update>[1]) => store.update('twice', change)
  const shares = () => Object.fromEntries(model.revisions().map(({ served, percent }) => [served.revision, percent]))
  return { host, model, registry, store, notes, onNote, errors, clock, ask, set, shares }
}

const known = ['a', 'b', 'c']

test('without an entry in the traffic, the newest folder gets everything', async () => {
  await write('a', 2)
  await write('b', 3)
  const { ask, shares } = await start()
  expect([await ask(), shares()]).toEqual([3, { b: 100 }])
})

test('a deployed revision is loaded beside the old one, takes over, and the old one ends when its last request has', async () => {
  await write('a', 2)
  const { ask, set, shares, registry } = await start()
  let open = () => {}
  runtime.gate = new Promise((resolve) => {
    open = resolve
  })
  const inFlight = ask()
  await write('b', 3)
  await set(() => deploy(firstTraffic('a', 0), { revision: 'b', traffic: true, tag: undefined, nowMs: 1 }))
  await expect.poll(shares).toEqual({ b: 100 })
  expect(runtime.unloaded).toEqual([])
  open()
  expect([await inFlight, await ask()]).toEqual([2, 3])
  await expect.poll(() => runtime.unloaded).toEqual(['2'])
  expect(registry.render()).toContain('modelwatch_traffic_ratio{model="twice",revision="b"} 1\n')
})

test('a revision that cannot be loaded leaves the old one serving, and the store is told why', async () => {
  await write('a', 2)
  const { ask, set, store, notes } = await start()
  await write('b', 'broken')
  await set(() => deploy(firstTraffic('a', 0), { revision: 'b', traffic: true, tag: undefined, nowMs: 1 }))
  await expect
    .poll(async () => (await store.reports()).find(({ revision }) => revision === 'b'))
    .toMatchObject({
      state: 'failed',
      reason: 'this model is broken',
      process: 'test:1',
      generation: 1,
    })
  expect(await ask()).toBe(2)
  expect(notes.at(-1)).toContain('revision b, cannot serve: this model is broken')
})

test('started with a latest that cannot be loaded, it serves what was served before; with nothing before it, it does not start', async () => {
  await write('a', 2)
  await write('b', 'broken')
  const store = new MemoryTraffic().open()
  await store.update('twice', () => deploy(firstTraffic('a', 0), { revision: 'b', traffic: true, tag: undefined, nowMs: 1 }))
  await store.update('twice', (now) => setTag(now!, 'stable', 'a'))
  const { ask } = await start({ store })
  expect(await ask()).toBe(2)
  expect(await ask({ tag: 'stable' })).toBe(2)
  await rm(join(dir, 'twice/revisions/a'), { recursive: true })
  await expect(start({ store })).rejects.toThrow('this model is broken')
})

test('a split holds its shares, and a key stays where it is', async () => {
  await write('a', 2)
  await write('b', 3)
  const { ask, set, shares } = await start()
  await set(() =>
    setShares(
      firstTraffic('a', 0),
      [
        { revision: 'a', percent: 90 },
        { revision: 'b', percent: 10 },
      ],
      known,
      1,
    ),
  )
  await expect.poll(shares).toEqual({ a: 90, b: 10 })
  const draws = 5000
  let toB = 0
  for (let i = 0; i < draws; i++) if ((await ask()) === 3) toB++
  const deviation = Math.sqrt(draws * 0.1 * 0.9)
  expect(Math.abs(toB - draws * 0.1)).toBeLessThan(5 * deviation) // One false alarm in a million runs.
  for (const key of ['anna', 'ben', 'carla', 'dora']) {
    const first = await ask({ key })
    for (let i = 0; i < 20; i++) expect(await ask({ key })).toBe(first)
  }
})

test('tags and names reach revisions that the split does not; those that are not there are refused by name', async () => {
  await write('a', 2)
  await write('b', 3)
  const { ask, set, model, registry } = await start()
  await write('c', 'broken')
  await set(() => setTag(setTag(setShares(firstTraffic('a', 0), [{ revision: 'a', percent: 100 }], known, 1), 'next', 'b'), 'bad', 'c'))
  await expect.poll(() => model.revisions().flatMap(({ tags }) => tags)).toEqual(['next'])
  expect([await ask(), await ask({ tag: 'next' }), await ask({ revision: 'b' })]).toEqual([2, 3, 3])
  expect(() => model.choose({ tag: 'bad' })).toThrow('twice has no tag bad; there is next')
  expect(() => model.choose({ revision: 'z' })).toThrow('twice has no revision z in service; there is')
  const tagsShown = () => registry.render().match(/^modelwatch_traffic_tag_info\{.*/gm)
  expect(tagsShown()).toEqual(['modelwatch_traffic_tag_info{model="twice",revision="b",tag="next"} 1'])
  await set((now) => removeTag(setTag(now!, 'next', 'a'), 'bad'))
  await expect.poll(tagsShown).toEqual(['modelwatch_traffic_tag_info{model="twice",revision="a",tag="next"} 1'])
})

test('the shadow is asked after the answer, compared, counted, and may fail without harm', async () => {
  await write('a', 2)
  await write('b', 3)
  const { set, model, registry } = await start()
  await set(() =>
    setShadow(setShares(firstTraffic('a', 0), [{ revision: 'a', percent: 100 }], known, 1), { revision: 'b', ratio: 1 }, known),
  )
  await expect.poll(() => model.revisions().length).toBe(2)
  const read = model.choose({}).readRows([{ x: 1 }, { x: 0 }])
  const by = model.choose({})
  model.mirror(read, (await by.predict(read.columns)).outputs, by)
  const rows = (outcome: string) =>
    Number(
      new RegExp(`modelwatch_shadow_rows_total\\{model="twice",revision="b",outcome="${outcome}"\\} (\\d+)`).exec(registry.render())?.[1],
    )
  await expect.poll(() => [rows('agree'), rows('disagree'), rows('failed'), rows('dropped')]).toEqual([1, 1, 0, 0])
  expect(registry.render()).toContain('modelwatch_shadow_difference_abs_total{model="twice",revision="b",name="y"} 1\n')
  const many = model.choose({}).readRows(Array.from({ length: 600 }, () => ({ x: 1 })))
  for (let i = 0; i < 3; i++) model.mirror(many, [new Float64Array(600).fill(3)], by) // As a batch is answered: all in one turn.
  await expect.poll(() => [rows('agree'), rows('dropped')]).toEqual([601, 1200])
  runtime.gate = Promise.reject(new Error('the shadow fails'))
  runtime.gate.catch(() => {})
  model.mirror(read, [Float64Array.of(2, 0)], by)
  await expect.poll(() => rows('failed')).toBe(2)
  model.mirror(read, [Float64Array.of(2, 0)], model.choose({ revision: 'b' })) // The shadow itself was asked.
  model.mirror(read, [Float64Array.of(2, 0)], by)
  await expect.poll(() => rows('failed')).toBe(4)
})

test.for([
  { why: 'an infinity and a number', factors: [2, 'Infinity'], agree: 0 },
  { why: 'infinities of two signs', factors: ['-Infinity', 'Infinity'], agree: 0 },
  { why: 'the same infinity', factors: ['Infinity', 'Infinity'], agree: 1 },
])('$why: $agree of one row agrees with its shadow', async ({ factors, agree }) => {
  await write('a', factors[0]!)
  await write('b', factors[1]!)
  const { set, model, registry } = await start()
  await set(() =>
    setShadow(setShares(firstTraffic('a', 0), [{ revision: 'a', percent: 100 }], known, 1), { revision: 'b', ratio: 1 }, known),
  )
  await expect.poll(() => model.revisions().length).toBe(2)
  const by = model.choose({})
  const read = by.readRows([{ x: 1 }])
  model.mirror(read, (await by.predict(read.columns)).outputs, by)
  const rows = (outcome: string) => registry.render().includes(`revision="b",outcome="${outcome}"} 1`)
  await expect.poll(() => [rows('agree'), rows('disagree')]).toEqual([agree === 1, agree === 0])
})

test('a revision that fails to unload is told of, and harms nobody', async () => {
  await write('a', 2)
  await write('b', 3)
  const { ask, set, shares, notes } = await start()
  await set(() => firstTraffic('a', 0))
  await expect.poll(shares).toEqual({ a: 100 })
  await expect.poll(() => runtime.unloaded).toEqual(['3'])
  runtime.unloading = Promise.reject(new Error('the library says no'))
  runtime.unloading.catch(() => {})
  await set(() => firstTraffic('b', 0))
  await expect.poll(shares).toEqual({ b: 100 })
  await expect.poll(() => notes).toContain('twice, revision a, could not be unloaded: the library says no')
  expect(await ask()).toBe(3)
})

test('a task finds the revision that it was submitted for, loaded for it when it is gone; there is a limit', async () => {
  await write('a', 2)
  await write('b', 3)
  await write('c', 4)
  const { model, clock, shares } = await start({ config: { revisions_max: 2 } })
  const old = await model.revision('a')
  expect((await old.predict({ rows: 1, values: [Float64Array.of(1)] })).outputs).toEqual([Float64Array.of(2)])
  expect(shares()).toEqual({ c: 100, a: 0 })
  await expect(model.revision('b')).rejects.toThrow('2 revisions of twice are loaded; at most 2 may be')
  await expect(model.revision('zz')).rejects.toThrow('at most 2')
  clock.nowMs += 400_000
  await (model as unknown as { sweep(): Promise<void> }).sweep()
  expect(shares()).toEqual({ c: 100 })
  await expect.poll(() => runtime.unloaded).toEqual(['2'])
  await expect(model.revision('zz')).rejects.toThrow(expect.objectContaining({ code: 'MW_MODEL_PACKAGE' }))
})

test('a change of the traffic that is read while the host closes loads nothing any more', async () => {
  await write('a', 2)
  const store = new MemoryTraffic().open()
  const held = Promise.withResolvers<void>()
  const counts = { reads: 0, reports: 0 }
  let isHeld = false
  const read = async () => {
    counts.reads++
    if (isHeld) await held.promise
    return store.read()
  }
  const report: typeof store.report = (reports) => {
    counts.reports++
    return store.report(reports)
  }
  const { host, model, set } = await start({ store: { ...store, read, report } })
  isHeld = true
  const before = { ...counts }
  await set(() => firstTraffic('a', 1))
  await expect.poll(() => counts.reads).toBeGreaterThan(before.reads)
  await host.close()
  held.resolve()
  await expect.poll(() => counts.reports).toBeGreaterThan(before.reports) // Which comes after following.
  expect(model.revisions()).toEqual([])
  expect(runtime.unloaded).toEqual(['2'])
})

test('a label finds the revision that made the prediction', async () => {
  await write('a', 2)
  await write('b', 3)
  const { model, set, shares } = await start()
  await set(() => firstTraffic('b', 0))
  const before = model.choose({})
  const id = before.quality.predicted([Float64Array.of(3)], 0, 0)
  await set(() => firstTraffic('a', 0))
  await expect.poll(shares).toEqual({ a: 100 })
  expect(model.trackerOf(id)).toBe(before.quality)
  expect(model.trackerOf(id)!.labelled(id, new Map([['y', 4]]), 1)).toBe('matched')
  // Back in service it remembers what it said before, and is no second one of its name.
  await set(() => firstTraffic('b', 0))
  await expect.poll(shares).toEqual({ b: 100 })
  expect(model.choose({}).quality).toBe(before.quality)
  expect(model.trackerOf('00000000-0000-8000-9000-000000000000')).toBeUndefined()
})

test('with reload, a changed model file and a new folder are taken over by themselves', async () => {
  await write('a', 2)
  const { ask, shares, set } = await start({ config: { reload: true } })
  await write('a', 5)
  await expect.poll(() => ask(), { timeout: 20_000 }).toBe(5)
  await set(() => firstTraffic('a', 0))
  await mkdir(join(dir, '.new'))
  await writeFile(join(dir, '.new/model.script'), '7')
  await rename(join(dir, '.new'), join(dir, 'twice/revisions/b'))
  await expect.poll(shares, { timeout: 20_000 }).toEqual({ b: 100 })
  expect(await ask()).toBe(7)
}, 60_000)

test('a model file that is exchanged leaves no moment at which a request finds nobody', async () => {
  await write('a', 2)
  const { model, ask, onNote } = await start()
  const answers: Promise<unknown>[] = []
  onNote.call = () => answers.push(ask()) // At the very moment at which the new one has come.
  await write('a', 5)
  await (model as unknown as { refresh(): Promise<void> }).refresh()
  expect(await Promise.all(answers)).toEqual([5, 5]) // It serves, and it has no reference: two notes.
})

test('who closes loads nothing any more, not even for a task', async () => {
  await write('a', 2)
  await write('b', 3)
  const { host, model } = await start()
  await host.close()
  await expect(model.revision('a')).rejects.toThrow(expect.objectContaining({ code: 'MW_GATEWAY_STOPPING' }))
  expect(runtime.unloaded).toEqual(['3'])
})

test('two folders with one name, and a name that no folder has, are refused', async () => {
  await write('a', 2)
  await cp(join(dir, 'twice'), join(dir, 'again'), { recursive: true })
  await expect(start()).rejects.toThrow(expect.objectContaining({ code: 'MW_MODEL_TWICE' }))
})

test('while the store takes no reports they do not pile up: one more is made when it does, and tells the latest', async () => {
  await write('a', 2)
  const store = new MemoryTraffic().open()
  const held = Promise.withResolvers<void>()
  let isHeld = false
  let reports = 0
  const report: typeof store.report = async (told) => {
    reports++
    if (isHeld) await held.promise
    return store.report(told)
  }
  let reads = 0
  const read = () => {
    reads++
    return store.read()
  }
  const { set } = await start({ store: { ...store, read, report } })
  isHeld = true
  const before = reports
  for (let i = 0; i < 10; i++) {
    const readsBefore = reads
    await set(() => firstTraffic('a', i))
    await expect.poll(() => reads).toBeGreaterThan(readsBefore)
  }
  held.resolve()
  await expect.poll(async () => (await store.reports()).map(({ generation }) => generation)).toEqual([10])
  expect(reports - before).toBeLessThanOrEqual(2)
})

test('who has stopped is waited for by nobody: its reports go with it', async () => {
  await write('a', 2)
  const store = new MemoryTraffic().open()
  const { host } = await start({ store })
  expect((await store.reports()).map(({ revision, state }) => [revision, state])).toEqual([['a', 'ready']])
  await host.close()
  hosts = []
  expect(await store.reports()).toEqual([])
})
