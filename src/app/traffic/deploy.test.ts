import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { changeTraffic, rollBackTraffic } from './change.ts'
import { type DeployRequest, deployRevision, nameByDate } from './deploy.ts'
import { findModel } from './project.ts'
import { createTestProject, goldenRow, type TestProject } from './testing.ts'
import { readRevisionFolder, readTraffic } from './view.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }) // They wait for events; only a machine at its limit takes long.

let own: TestProject
beforeEach(async () => {
  own = await createTestProject()
})
afterEach(() => own.remove())

const deploy = async (source: string, over: Partial<DeployRequest> = {}) =>
  deployRevision(own.project, { model: 'weather', source, name: undefined, traffic: true, tag: undefined, onStep: () => {}, ...over })
const revisions = async () => (await readdir(own.at('models/weather/revisions'))).sort()
const stored = async () => (await own.project.store.read())[0]

test('a revision is proven, copied and made the latest, and there is a way back', async () => {
  const steps: string[] = []
  const source = await own.source('next', { 'golden.json': [goldenRow] })
  const deployed = await deploy(source, { onStep: (text) => steps.push(text) })
  const today = new Date().toISOString().slice(0, 10)
  expect(deployed).toMatchObject({ revision: `${today}-a`, goldenRows: 1, watched: true, wasThere: false, before: undefined })
  expect(await revisions()).toEqual([`${today}-a`, 'v1'])
  expect(await readFile(join(deployed.dir, 'revision.yaml'), 'utf8')).toContain('notes: next')
  // What served before, the newest folder, was written down: generation 1.
  expect(deployed.after).toMatchObject({
    model: 'weather',
    latest: `${today}-a`,
    split: { shares: 'latest', latest: `${today}-a` },
    history: [{ shares: 'latest', latest: 'v1' }],
    generation: 2,
  })
  expect(await stored()).toEqual(deployed.after)
  expect(steps.map((step) => step.split(' ')[0])).toEqual(['loads', 'copies'])
  const { after } = await rollBackTraffic(own.project, 'weather')
  expect(after.split.shares).toEqual([{ revision: 'v1', percent: 100 }])
})

test.for([
  {
    why: 'another answer',
    files: { 'golden.json': [{ ...goldenRow, outputs: { temp_max_tomorrow: 9.5 } }] },
    code: 'MW_GOLDEN_MISMATCH',
    want: 'row 1, temp_max_tomorrow: expected 9.5, got 9.43',
  },
  {
    why: 'another file',
    files: { 'revision.yaml': `digest: sha256:${'0'.repeat(64)}\n` },
    code: 'MW_DIGEST_MISMATCH',
    want: 'model.onnx is sha256:',
  },
  {
    why: 'another world',
    files: { 'revision.yaml': 'dependencies: { node: ">=99" }\n' },
    code: 'MW_DEPENDENCY_MISMATCH',
    want: '>=99 is asked for',
  },
  { why: 'no model', files: { 'model.onnx': undefined }, code: 'MW_MODEL_PACKAGE', want: 'holds no model' },
  { why: 'no readable model', files: { 'model.onnx': 'onnx' }, code: 'MW_MODEL_UNREADABLE', want: 'model.onnx' },
  {
    why: 'a wrong file',
    files: { 'revision.yaml': 'trained: yesterday\n' },
    code: 'MW_CONFIG_INVALID',
    want: 'revision.yaml:1:1: trained: unknown key',
  },
] as const)('$why is refused, and nothing is changed', async ({ files, code, want }) => {
  const source = await own.source('bad', files)
  await expect(deploy(source)).rejects.toThrow(expect.objectContaining({ code, message: expect.stringContaining(want) }))
  expect(await revisions()).toEqual(['v1'])
  expect(await stored()).toBeUndefined()
})

test('what is asked for wrongly is refused before any work', async () => {
  const source = await own.source('next')
  const steps: string[] = []
  const refused = async (over: Partial<DeployRequest>, code: string, want: string) =>
    expect(deploy(source, { ...over, onStep: (text) => steps.push(text) }), want).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(want) }),
    )
  await refused({ model: 'climate' }, 'MW_TRAFFIC_MODEL_UNKNOWN', 'there is no model climate; there is weather')
  await refused({ name: '../v2' }, 'MW_DEPLOY_NAME_INVALID', '"../v2" is no name')
  await refused({ name: '.v2' }, 'MW_DEPLOY_NAME_INVALID', '".v2" is no name')
  await refused({ name: 'v1' }, 'MW_DEPLOY_NAME_TAKEN', 'weather has a revision v1 already, and it is not the same')
  await refused({ tag: 'Blue' }, 'MW_TRAFFIC_TAG_INVALID', '"Blue" is no tag')
  await refused({ source: own.at('nowhere') }, 'MW_DEPLOY_SOURCE', 'nowhere cannot be read')
  await refused({ source: own.at('modelwatch.yaml') }, 'MW_DEPLOY_SOURCE', 'is no folder')
  expect(steps).toEqual([])
  expect(await stored()).toBeUndefined()
})

test('the same bytes under the same name are deployed again, not refused', async () => {
  const source = await own.source('next')
  await deploy(source, { name: 'v2' })
  await changeTraffic(own.project, 'weather', { split: { kind: 'revisions', shares: [{ revision: 'v1', percent: 100 }] } })
  const again = await deploy(source, { name: 'v2' })
  expect(again).toMatchObject({ revision: 'v2', wasThere: true })
  expect(again.after.split.shares).toEqual([{ revision: 'v1', percent: 100 }]) // The explicit split stays.
  expect(await revisions()).toEqual(['v1', 'v2'])
})

test('a folder that stands among the revisions is deployed where it is', async () => {
  const source = await own.source('next')
  await cp(source, own.at('models/weather/revisions/v2'), { recursive: true })
  const deployed = await deploy(own.at('models/weather/revisions/v2'))
  expect(deployed).toMatchObject({ revision: 'v2', wasThere: true, after: { latest: 'v2', history: [{ shares: 'latest', latest: 'v1' }] } })
  expect(await revisions()).toEqual(['v1', 'v2'])
  await expect(deploy(own.at('models/weather/revisions/v2'), { name: 'v3' })).rejects.toThrow('is the revision v2 of the model already')
})

test('without traffic, and with a tag', async () => {
  const deployed = await deploy(await own.source('next'), { name: 'v2', traffic: false, tag: 'candidate' })
  expect(deployed.after).toMatchObject({ latest: 'v2', split: { shares: [{ revision: 'v1', percent: 100 }] }, tags: { candidate: 'v2' } })
  const next = await deploy(await own.source('third'), { name: 'v3' })
  expect(next.after.split.shares).toEqual([{ revision: 'v1', percent: 100 }])
})

test('what serves is written down before the folder stands, for whoever takes over new folders by himself', async () => {
  const written: string[] = []
  const { store } = own.project
  const project = {
    ...own.project,
    store: {
      read: () => store.read(),
      reports: () => store.reports(),
      report: (reports: Parameters<typeof store.report>[0]) => store.report(reports),
      withdraw: (process: string) => store.withdraw(process),
      onChange: (listener: () => void) => store.onChange(listener),
      close: () => store.close(),
      update: async (...args: Parameters<typeof store.update>) => {
        const { split } = await store.update(...args)
        written.push(`${(await revisions()).filter((name) => !name.startsWith('.')).join(' ')}: ${JSON.stringify(split.shares)}`)
        return (await store.read())[0]!
      },
    },
  }
  const request = { model: 'weather', source: await own.source('next'), name: 'v2', traffic: false, tag: undefined, onStep() {} }
  await deployRevision(project, request)
  const pinned = '[{"revision":"v1","percent":100}]'
  expect(written).toEqual([`v1: ${pinned}`, `v1 v2: ${pinned}`])
  // The same when there is an entry already.
  await changeTraffic(own.project, 'weather', { split: { kind: 'latest' } })
  written.length = 0
  await deployRevision(project, { ...request, source: await own.source('third'), name: 'v3' })
  expect(written).toEqual([`v1 v2: ${pinned.replace('v1', 'v2')}`, `v1 v2 v3: ${pinned.replace('v1', 'v2')}`])
})

test('the first revision of a model', async () => {
  const source = await own.source('first')
  await cp(own.at('models/weather/revisions'), own.at('before'), { recursive: true })
  await rm(own.at('models/weather/revisions'), { recursive: true })
  await expect(deploy(source, { traffic: false })).rejects.toThrow(expect.objectContaining({ code: 'MW_TRAFFIC_FIRST_REVISION' }))
  expect(await deploy(source, { name: 'v1' })).toMatchObject({ after: { latest: 'v1', generation: 1, history: [] } })
})

test('two deployments at the same time both come in, one after the other', async () => {
  const sources = [await own.source('one'), await own.source('two')]
  const done = await Promise.all(sources.map((source) => deploy(source)))
  expect(done.map(({ revision }) => revision.slice(-1)).sort()).toEqual(['a', 'b'])
  expect(await revisions()).toHaveLength(3)
  expect((await stored())!.history).toHaveLength(2)
})

test('the name made from the date is the first that is free, and sorts behind those before it', () => {
  const nowMs = Date.parse('2026-11-20T23:59:59Z')
  const taken = new Set<string>()
  for (let i = 0; i < 60; i++) taken.add(nameByDate(nowMs, taken))
  const names = [...taken]
  expect([names[0], names[25], names[26], names[51], names[52]]).toEqual(
    ['a', 'z', 'za', 'zz', 'zza'].map((letters) => `2026-11-20-${letters}`),
  )
  expect(names.toSorted(new Intl.Collator('en', { numeric: true }).compare)).toEqual(names)
})

test('a machine without models changes the traffic by the names that are known', async () => {
  await deploy(await own.source('next'), { name: 'v2' })
  await own.project.store.report([
    { model: 'weather', revision: 'v7', process: 'far:1', state: 'ready', reason: undefined, generation: 2, timeMs: 0 },
  ])
  const remote = { ...own.project, modelsDir: own.at('none') }
  expect(await findModel(remote, 'weather')).toMatchObject({ dir: undefined, revisions: ['v1', 'v2', 'v7'] })
  const { after } = await changeTraffic(remote, 'weather', {
    split: {
      kind: 'revisions',
      shares: [
        { revision: 'v7', percent: 10 },
        { revision: 'v2', percent: 90 },
      ],
    },
  })
  expect(after.split.shares).toEqual([
    { revision: 'v2', percent: 90 },
    { revision: 'v7', percent: 10 },
  ])
  await expect(
    deployRevision(remote, { model: 'weather', source: own.at('out/next'), name: undefined, traffic: true, tag: undefined, onStep() {} }),
  ).rejects.toThrow('has no folder in')
  await expect(findModel(remote, 'climate')).rejects.toThrow('there is no model climate; there is weather')
})

test('all that one command asks for is changed at once, or nothing', async () => {
  await deploy(await own.source('next'), { name: 'v2' })
  const { before, after } = await changeTraffic(own.project, 'weather', {
    setTags: [
      { tag: 'old', revision: 'v1' },
      { tag: 'gone', revision: 'v1' },
    ],
    split: { kind: 'tags', shares: [{ tag: 'old', percent: 20 }] },
    removeTags: ['gone'],
    shadow: { revision: 'v1', ratio: 0.5 },
  })
  expect(after).toMatchObject({
    split: {
      shares: [
        { revision: 'v2', percent: 80 },
        { revision: 'v1', percent: 20 },
      ],
    },
    tags: { old: 'v1' },
    shadow: { revision: 'v1', ratio: 0.5 },
    generation: before!.generation + 1,
  })
  await expect(changeTraffic(own.project, 'weather', { split: { kind: 'latest' }, shadow: 'none', removeTags: ['nope'] })).rejects.toThrow(
    'there is no tag nope; there are old',
  )
  expect(await stored()).toEqual(after)
})

test('the view shows shares, tags, who serves, and what is wrong', async () => {
  expect(await readTraffic(own.project, 'weather')).toMatchObject({
    follows: true,
    latest: 'v1',
    sinceMs: undefined,
    generation: 0,
    revisions: [{ name: 'v1', percent: 100 }],
  })
  await deploy(await own.source('next'), { name: 'v2', tag: 'new' })
  const report = (process: string, revision: string, state: 'ready' | 'failed', generation: number) =>
    ({
      model: 'weather',
      revision,
      process,
      state,
      reason: state === 'failed' ? 'out of memory' : undefined,
      generation,
      timeMs: 0,
    }) as const
  await own.project.store.report([report('a:1', 'v1', 'ready', 1), report('a:1', 'v2', 'ready', 2), report('b:1', 'v2', 'failed', 2)])
  const view = await readTraffic(own.project, 'weather')
  expect(view.revisions).toEqual([
    {
      name: 'v2',
      percent: 100,
      tags: ['new'],
      latest: true,
      shadow: undefined,
      ready: ['a:1'],
      loading: [],
      failed: [{ process: 'b:1', reason: 'out of memory' }],
    },
    { name: 'v1', percent: 0, tags: [], latest: false, shadow: undefined, ready: [], loading: [], failed: [] },
  ])
  expect(await readRevisionFolder(own.project, 'weather', 'v2')).toMatchObject({
    trainedAt: '2026-11-19T08:00:00Z',
    fault: undefined,
    digest: expect.stringMatching(/^sha256:/),
  })
  await writeFile(own.at('models/weather/revisions/v2/revision.yaml'), 'x: 1\n')
  expect(await readRevisionFolder(own.project, 'weather', 'v2')).toMatchObject({ fault: expect.stringContaining('x: unknown key') })
  expect(await readRevisionFolder(own.project, 'weather', 'v9')).toBeUndefined()
})
