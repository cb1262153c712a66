import { appendFileSync, readdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addScaler, ask, createServingProject, metricOf, type Role, type ServingProject, writeScaler } from '../support/serving.ts'
import { until } from '../support/until.ts'

let project: ServingProject
let gateway: Role
const row = { x: 10, mood: 'fine' }
const predict = (at = '', headers: Record<string, string> = {}, url = gateway.url) =>
  ask(`${url}/v1/models/scaler${at}/predict`, { body: row, headers })
const revisionsOnDisk = () => readdirSync(project.path('models/scaler/revisions')).sort()
/** Percents by revision, as the command tells. */
const readSplit = async () => {
  const { stdout } = await project.run('traffic', 'scaler', '--json')
  const { revisions } = JSON.parse(stdout) as { revisions: { name: string; percent: number }[] }
  return Object.fromEntries(revisions.filter(({ percent }) => percent > 0).map(({ name, percent }) => [name, percent]))
}

beforeAll(async () => {
  project = createServingProject()
  addScaler(project)
  gateway = await project.serve()
})
afterAll(() => project?.dispose())

test('a revision that is deployed takes over, and no request of many under way fails', async () => {
  writeScaler(project, project.path('out'), { factor: 2 })
  const answers: { status: number; revision: string; y: number; startedMs: number }[] = []
  let isOver = false
  const clients = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const startedMs = performance.now()
      const { status, body } = await predict()
      answers.push({ status, revision: body.revision, y: body.outputs?.y, startedMs })
    }
  })
  await until('v1 answers', () => answers.length > 20)
  const { code, stdout, stderr } = await project.run('deploy', 'scaler', 'out', '--name', 'v2')
  const deployedMs = performance.now()
  await until('v2 answers', () => answers.filter(({ startedMs }) => startedMs > deployedMs).length > 20)
  isOver = true
  await Promise.all(clients)

  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/deployed the revision v2 .* It answered its one golden row as it must; .*\nAll traffic goes to it/)
  expect(stdout).toMatch(/:\d+ has taken it over\.\n$/)
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  // Each answer is of the revision it names, and nobody is sent to the old one any more once the command has ended.
  expect(answers.filter(({ revision, y }) => y !== { v1: 10, v2: 20 }[revision])).toEqual([])
  expect(answers[0]!.revision).toBe('v1')
  expect(new Set(answers.filter(({ startedMs }) => startedMs > deployedMs).map(({ revision }) => revision))).toEqual(new Set(['v2']))
})

test.for([
  {
    why: 'a module that cannot be read',
    spoil: (folder: string) => writeFileSync(`${folder}/predictor.ts`, 'export default {'),
    says: /MW_MODEL_UNREADABLE/,
  },
  {
    why: 'a golden row that is answered otherwise',
    spoil: (folder: string) => writeFileSync(`${folder}/golden.json`, JSON.stringify([{ inputs: row, outputs: { y: 31 } }])),
    says: /row 1, y: expected 31, got 30, .*\n.*MW_GOLDEN_MISMATCH/,
  },
  {
    why: 'another file than its digest says',
    spoil: (folder: string) => appendFileSync(`${folder}/revision.yaml`, `digest: sha256:${'0'.repeat(64)}\n`),
    says: /predictor\.ts is sha256:.*MW_DIGEST_MISMATCH/s,
  },
  {
    why: 'a dependency that is not here',
    spoil: (folder: string) => appendFileSync(`${folder}/revision.yaml`, 'dependencies: { node: "<20" }\n'),
    says: /node.*<20.*MW_DEPENDENCY_MISMATCH/s,
  },
])('$why is refused, and the old revision serves on', async ({ spoil, says }, { task }) => {
  const folder = `spoilt-${task.id}`
  writeScaler(project, project.path(folder), { factor: 3 })
  spoil(project.path(folder))
  const { code, stdout, stderr } = await project.run('deploy', 'scaler', folder, '--name', 'v3')
  expect(stderr).toMatch(says)
  expect(stdout).not.toContain('deployed')
  expect(code).toBeGreaterThan(0)
  expect(revisionsOnDisk()).toEqual(['v1', 'v2'])
  expect((await predict()).body).toMatchObject({ revision: 'v2', outputs: { y: 20 } })
})

test('a candidate is asked for by its tag before it gets a share; keys stay; copies are compared', async () => {
  writeScaler(project, project.path('next'), { factor: 4 })
  const deployed = await project.run('deploy', 'scaler', 'next', '--name', 'v4', '--no-traffic', '--tag', 'candidate')
  expect(deployed).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/gets no traffic: v2 100 %\..*by its tag candidate/s),
  })
  expect((await predict()).body.revision).toBe('v2')
  for (const [at, headers] of [
    ['/tags/candidate', {}],
    ['/revisions/v4', {}],
    ['', { 'modelwatch-tag': 'candidate' }],
    ['', { 'modelwatch-revision': 'v4' }],
  ] as const)
    expect((await predict(at, headers)).body).toMatchObject({ revision: 'v4', outputs: { y: 40 } })
  expect((await predict('/tags/none')).status).toBe(404)

  expect(await project.run('traffic', 'scaler', '--to-tags', 'candidate=25', '--shadow', 'v4')).toMatchObject({ code: 0, stderr: '' })
  expect(await readSplit()).toEqual({ v2: 75, v4: 25 })
  expect(await metricOf(gateway.url, 'modelwatch_traffic_ratio', 'model="scaler",revision="v4"')).toBe(0.25)
  const ofKey = async (key: number) => (await predict('', { 'modelwatch-key': `user-${key}` })).body.revision as string
  const keys = Array.from({ length: 200 }, (_, key) => key)
  const first = await Promise.all(keys.map(ofKey))
  expect(await Promise.all(keys.map(ofKey))).toEqual(first)
  // Keys lie where their hash puts them, so this is no matter of luck: 50 were to be expected.
  const moved = first.filter((revision) => revision === 'v4').length
  expect(moved).toBeGreaterThan(25)
  expect(moved).toBeLessThan(75)

  // v2 and v4 never agree; who asked v4 itself needs no copy.
  await until('copies are compared', async () => {
    const disagreed = await metricOf(gateway.url, 'modelwatch_shadow_rows_total', 'model="scaler",revision="v4",outcome="disagree"')
    return disagreed !== undefined && disagreed >= 2 * (200 - moved)
  })

  // A task keeps the revision of its submission, by the same rules.
  const task = await ask(`${gateway.url}/v1/models/scaler/tasks`, { body: row, headers: { 'modelwatch-tag': 'candidate' } })
  expect(task).toMatchObject({ status: 202, body: { revision: 'v4' } })
  expect((await ask(`${gateway.url}${task.body.href}?wait=10s`)).body.predictions[0].outputs).toEqual({ y: 40 })
})

test('a second gateway shares the split, and two rollbacks go back twice', async () => {
  const second = await project.serve()
  expect((await predict('/tags/candidate', {}, second.url)).body.revision).toBe('v4')
  const everywhere = async () => [(await predict()).body.revision, (await predict('', {}, second.url)).body.revision]

  const latest = await project.run('traffic', 'scaler', '--to-latest')
  expect(latest).toMatchObject({ code: 0, stderr: '' })
  expect(latest.stdout).toMatch(/^scaler: v4 100 %\. It follows the latest revision, v4\.\n.*2 processes have taken it over\.\n$/s)
  expect(await everywhere()).toEqual(['v4', 'v4'])

  expect(await project.run('rollback', 'scaler')).toMatchObject({ code: 0, stderr: '' })
  expect(await readSplit()).toEqual({ v2: 75, v4: 25 })
  const further = await project.run('rollback', 'scaler')
  expect(further).toMatchObject({ code: 0, stderr: '' })
  expect(further.stdout).toMatch(
    /^scaler is back at v2 100 %, from v2 75 %, v4 25 %\.\n.*: modelwatch traffic scaler --to-revisions v2=75,v4=25\n/,
  )
  expect(await everywhere()).toEqual(['v2', 'v2'])
  expect(await project.run('rollback', 'scaler')).toMatchObject({ code: 0, stdout: expect.stringContaining('scaler is back at v1 100 %') })
  expect(await project.run('rollback', 'scaler')).toMatchObject({ code: 1, stderr: expect.stringContaining('MW_TRAFFIC_NO_WAY_BACK') })
  expect(await second.stop()).toMatchObject({ code: 0 })
})

test('a revision that only the gateway cannot load leaves the old one serving, also after a crash; the way back is told', async () => {
  // Whoever changes traffic waits for all that reported within ten seconds: one that has just left would hold up this test.
  await project.run('traffic', 'scaler', '--to-latest', '--no-wait')
  await until('v4 serves', async () => (await predict()).body.revision === 'v4')
  writeScaler(project, project.path('shy'), {
    factor: 5,
    load: `if (readFileSync('/proc/self/cmdline', 'utf8').includes('\\0serve\\0')) throw new Error('not in a gateway')`,
  })
  const { code, stderr } = await project.run('deploy', 'scaler', 'shy', '--name', 'v5')
  expect(stderr).toMatch(/:\d+ cannot serve scaler, revision v5: .*not in a gateway.*\n.*modelwatch rollback.*MW_TAKEOVER_FAILED/)
  expect(code).toBe(1)
  expect((await predict()).body.revision).toBe('v4')
  expect((await project.run('revisions', 'scaler')).stdout).toMatch(/cannot serve v5: .*not in a gateway/)

  await gateway.kill()
  gateway = await project.serve()
  expect((await predict()).body.revision).toBe('v4')
  expect((await predict('/tags/candidate')).body.revision).toBe('v4')
  expect(await project.run('rollback', 'scaler', '--no-wait')).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/^scaler is back at v4 100 %, from v5 100 %\.\n/),
  })
  expect(await readSplit()).toEqual({ v4: 100 })
})
