import { readdir } from 'node:fs/promises'
import { Command } from 'commander'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTestProject, goldenRow, type TestProject } from '../../app/traffic/testing.ts'
import { addTrafficCommands } from './traffic.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }) // They wait for events; only a machine at its limit takes long.

let own: TestProject
let host: Awaited<ReturnType<TestProject['startHost']>> | undefined
beforeEach(async () => {
  own = await createTestProject()
})
afterEach(async () => {
  await host?.close()
  host = undefined
  await own.remove()
})

/** What the last `run` wrote, as it was. */
let written = ''

/** Runs `modelwatch ARGS --dir PROJECT` here. @returns what it writes, without the words of progress. */
async function run(...args: string[]): Promise<string> {
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  addTrafficCommands(program)
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => {} })
  written = ''
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += text
    return true
  })
  try {
    await program.parseAsync([...args, '--dir', own.dir], { from: 'user' })
  } finally {
    write.mockRestore()
  }
  return written
    .split('\n')
    .filter((line) => !/^ {2}(loads|copies|\d+ of)/.test(line))
    .join('\n')
    .replaceAll(own.dir, 'DIR')
    .replace(/[^\s,]+:\d+ has/, 'host:1 has')
}

const choose = () => host!.get('weather')!.choose({}).revision

test('from the first deployment to the way back, with a gateway that follows', async () => {
  host = await own.startHost()
  expect(choose()).toBe('v1')
  const source = await own.source('next', { 'golden.json': [goldenRow] })
  const said = await run('deploy', 'weather', source, '--name', 'v2')
  expect(said).toMatch(/^weather: deployed the revision v2 \([0-9a-f]{12}\)\. It answered its one golden row as it must\.$/m)
  expect(said).toContain('All traffic goes to it, and to those that follow it.\nhost:1 has taken it over.')
  expect(choose()).toBe('v2') // Not a moment later: the command waited for it.

  expect(await run('traffic', 'weather', '--to-revisions', 'v2=100')).toBe(
    'weather: v2 100 %.\nIt no longer follows the latest revision; "modelwatch traffic weather --to-latest" makes it follow again.\nhost:1 has taken it over.\n',
  )
  expect(await run('deploy', 'weather', await own.source('third'), '--name', 'v3', '--tag', 'candidate')).toContain(
    'It gets no traffic: v2 100 %. The split does not follow the latest revision; "modelwatch traffic weather --to-latest" makes it follow again.\n' +
      'It can be asked for by its tag candidate, whatever the split is.\nhost:1 has taken it over.',
  )
  expect(choose()).toBe('v2')
  expect(host.get('weather')!.choose({ tag: 'candidate' }).revision).toBe('v3')

  expect(await run('traffic', 'weather', '--to-latest')).toContain('weather: v3 100 %. It follows the latest revision, v3.')
  expect(choose()).toBe('v3')
  expect(await run('rollback', 'weather')).toBe(
    'weather is back at v2 100 %, from v3 100 %.\n' +
      'It does not follow the latest revision now, so nothing that is deployed gets traffic by itself. Forward again: modelwatch traffic weather --to-latest\n' +
      'A further rollback goes further back, never to what was rolled back from.\nhost:1 has taken it over.\n',
  )
  expect(choose()).toBe('v2')
  expect(await run('rollback', 'weather')).toContain('weather is back at v1 100 %, from v2 100 %.')
  expect(choose()).toBe('v1')
  await expect(run('rollback', 'weather')).rejects.toThrow(expect.objectContaining({ code: 'MW_TRAFFIC_NO_WAY_BACK' }))
  expect(choose()).toBe('v1')
})

test('a revision that a gateway cannot load leaves the old one serving, and the command says who and why', async () => {
  host = await own.startHost()
  const source = await own.source('next')
  await run('deploy', 'weather', source, '--name', 'v2', '--no-traffic')
  // Spoilt after it was proven, as a disk or a hand might.
  await own.spoil('v2')
  const failed = await run('traffic', 'weather', '--to-latest').catch((error: unknown) => error)
  expect(failed).toMatchObject({
    code: 'MW_TAKEOVER_FAILED',
    message: expect.stringMatching(/:\d+ cannot serve weather, revision v2: .*model\.onnx/),
  })
  expect((failed as { hint: string }).hint).toContain('modelwatch rollback MODEL')
  expect(choose()).toBe('v1')
  expect(await run('revisions', 'weather')).toMatch(/^\S+:\d+ cannot serve v2: .*model\.onnx/m)
  // What serves there becomes the rule.
  expect(await run('rollback', 'weather')).toContain('weather is back at v1 100 %, from v2 100 %.')
  expect(choose()).toBe('v1')
})

test('without traffic means without, also where a gateway takes over new folders by itself', async () => {
  host = await own.startHost({ reload: true })
  expect(await run('deploy', 'weather', await own.source('next'), '--name', 'v2', '--no-traffic')).toContain(
    'It gets no traffic: v1 100 %.',
  )
  expect(choose()).toBe('v1')
  expect(await own.project.store.read()).toMatchObject([{ latest: 'v2', split: { shares: [{ revision: 'v1', percent: 100 }] } }])
})

test('with nobody running, all of it works, for those that start later', async () => {
  expect(await run('traffic', 'weather')).toContain(
    'weather follows the latest revision, as its newest folder, for it was never deployed by command',
  )
  expect(await run('deploy', 'weather', await own.source('next'), '--name', 'v2', '--no-traffic')).toContain(
    'No gateway or worker runs that would report: it holds for those that start.',
  )
  await run('traffic', 'weather', '--set-tag', 'old=v1', '--set-tag', 'new=v2', '--to-tags', 'new=25')
  expect(await run('traffic', 'weather', '--shadow', 'v2=0.125', '--remove-tag', 'old')).toBe(
    'weather: v1 75 %, v2 25 %.\nIt does not follow the latest revision; "modelwatch traffic weather --to-latest" makes it follow again.\n' +
      'The tag old is gone.\nv2 gets a copy of 12.5 % of the requests, and answers nobody.\nNo gateway or worker runs that would report: it holds for those that start.\n',
  )
  const shown = (await run('traffic', 'weather')).split('\n')
  expect(shown[2]).toMatch(/^ {2}v2 {2}━{7}─{21} {2}25 % {2}latest, tag new, shadow of 12.5 % of the requests$/)
  expect(shown[3]).toMatch(/^ {2}v1 {2}━{21}─{7} {2}75 %$/)
  expect(await run('revisions', 'weather')).toMatch(
    /^v2 +25 % {2}\d{4}-.* UTC {2}2026-11-19T08:00:00Z {2}[0-9a-f]{12} {2}– +latest, tag new, shadow 12.5 %$/m,
  )
  expect(await run('traffic', 'weather', '--no-shadow')).toContain('The shadow v2 gets no copies any more.')
  host = await own.startHost()
  expect(host.get('weather')!.revisions().map(({ served, percent }) => [served.revision, percent]).sort()).toEqual([['v1', 75], ['v2', 25]]) // biome-ignore format: a table
})

test('--json is JSON and nothing else', async () => {
  const deployed = JSON.parse(await run('deploy', 'weather', await own.source('next'), '--name', 'v2', '--json')) as object
  expect(deployed).toMatchObject({
    model: 'weather', revision: 'v2', golden_rows: 1, watched: true, was_there: false, follows_latest: true,
    split: [{ revision: 'v2', percent: 100 }], tags: {}, generation: 2, taken_over_by: [],
  }) // biome-ignore format: as it stands on the wire
  expect(JSON.parse(await run('deploy', 'weather', await own.source('third'), '--json', '--no-wait'))).toMatchObject({
    taken_over_by: null,
  })
  expect(JSON.parse(await run('traffic', 'weather', '--to-revisions', 'v1=60,v2=40', '--json'))).toMatchObject({
    follows_latest: false,
    revisions: [{ percent: 0 }, { name: 'v2', percent: 40 }, { name: 'v1', percent: 60 }],
  })
  expect(JSON.parse(await run('rollback', 'weather', '--json'))).toMatchObject({
    rolled_back_from: [
      { revision: 'v1', percent: 60 },
      { revision: 'v2', percent: 40 },
    ],
  })
  expect(JSON.parse(await run('revisions', 'weather', '--json'))).toMatchObject({
    model: 'weather',
    revisions: [{ latest: true }, { name: 'v2', fault: null, shadow_ratio: null }, { name: 'v1', trained_at: '2016-01-01T00:00:00Z' }],
  })
})

test('--json tells also of a change that was not taken over: it stands, and a script must know what was deployed', async () => {
  host = await own.startHost()
  const deployment = run('deploy', 'weather', await own.source('next'), '--name', 'v2', '--json', '--timeout', '0s')
  await expect(deployment).rejects.toMatchObject({ code: 'MW_TAKEOVER_TIMEOUT' })
  expect(JSON.parse(written)).toMatchObject({ revision: 'v2', generation: 2, taken_over_by: null })
})

test.for([
  { why: 'a share that is none', args: ['traffic', 'weather', '--to-revisions', 'v1'], want: '--to-revisions: v1 is not NAME=PERCENT' },
  { why: 'half a percent', args: ['traffic', 'weather', '--to-revisions', 'v1=99.5,v2=0.5'], want: 'v1=99.5 is not NAME=PERCENT' },
  { why: 'an empty part', args: ['traffic', 'weather', '--to-tags', 'a=1,'], want: '--to-tags: an empty part' },
  { why: 'a sum that is not 100', args: ['traffic', 'weather', '--to-revisions', 'v1=90'], want: 'v1=90 is 90 %, not 100 %' },
  { why: 'an unknown revision', args: ['traffic', 'weather', '--to-revisions', 'v9=100'], want: 'there is no revision v9; there are v1' },
  { why: 'an unknown model', args: ['traffic', 'climate'], want: 'there is no model climate; there is weather' },
  { why: 'a tag without a revision', args: ['traffic', 'weather', '--set-tag', 'blue'], want: '--set-tag: blue is not TAG=REVISION' },
  {
    why: 'a shadow of more than all',
    args: ['traffic', 'weather', '--shadow', 'v1=2'],
    want: '--shadow: v1=2 is not REVISION or REVISION=RATIO',
  },
  { why: 'a shadow of nothing', args: ['traffic', 'weather', '--shadow', 'v1=0'], want: 'v1=0: a share of the requests lies above 0' },
  {
    why: 'two splits at once',
    args: ['traffic', 'weather', '--to-latest', '--to-revisions', 'v1=100'],
    want: 'cannot be used with option',
  },
  { why: 'a wait that is none', args: ['rollback', 'weather', '--timeout', 'soon'], want: '--timeout: soon is no duration' },
])('$why is refused', async ({ args, want }) => {
  await expect(run(...args)).rejects.toThrow(want)
  expect(await own.project.store.read()).toEqual([])
})

test('to look changes nothing', async () => {
  await run('traffic', 'weather')
  await run('revisions', 'weather')
  expect((await readdir(own.dir)).sort()).toEqual(['models', 'modelwatch.yaml'])
})
