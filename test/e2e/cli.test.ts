import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'vitest'
import { FakeGateway } from '../../src/sources/loadtest/testing.ts'
import { descendantsOf, isAlive, runCommand, startCommand } from '../support/command.ts'
import { until } from '../support/until.ts'
import { createProject, type Project, releasePort, takePort } from '../support/up.ts'

const revision = 'models/weather/revisions/v1'
const inRevision = (name: string) => `${revision}/${name}`

/** A project of its own for one test, gone with it. */
async function projectFor({ onTestFinished }: TestContext): Promise<Project> {
  const project = await createProject()
  onTestFinished(project.remove)
  return project
}

/** A gateway that does as it is told, and a folder with rows for it; both gone with the test. */
async function fakeGatewayFor({ onTestFinished }: TestContext): Promise<{ dir: string; gateway: FakeGateway }> {
  const dir = mkdtempSync(join(tmpdir(), 'modelwatch-e2e-'))
  const gateway = await FakeGateway.start()
  onTestFinished(async () => {
    await gateway.close()
    rmSync(dir, { recursive: true })
  })
  writeFileSync(join(dir, 'rows.csv'), `wind,sky,warmth\n${'1,sun,2\n'.repeat(20)}`)
  return { dir, gateway }
}

interface Fault {
  readonly why: string
  /** Breaks the project. */
  spoil?(project: Project): void
  /** What is run in the project's folder; `up` when left out. */
  readonly args?: readonly string[]
  readonly code: 1 | 2
  /** The sentence. */
  readonly says: RegExp
  readonly hint: RegExp
}

const broken = (name: string, from: string | RegExp, to: string) => (project: Project) =>
  project.edit(name, (text) => text.replace(from, to))

const faults: readonly Fault[] = [
  {
    why: 'modelwatch.yaml with an unknown key',
    spoil: broken('modelwatch.yaml', 'retention:', 'retentoin:'),
    code: 2,
    says: /^error modelwatch\.yaml:8:3: monitor\.retentoin: unknown key; known here: listen, config_file, storage, retention, retention_size$/,
    hint: /at the place named .*MW_CONFIG_INVALID/,
  },
  {
    why: 'prometheus.yml with an unknown key',
    spoil: broken('prometheus.yml', 'scrape_timeout', 'scrape_timeuot'),
    code: 2,
    says: /^error prometheus\.yml:4:3: global\.scrape_timeuot: unknown key; known here: .*scrape_timeout/,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'a rule file with broken PromQL',
    spoil: broken('rules/weather.yml', 'sum by (', 'sum bye ('),
    code: 2,
    says: /^error rules\/weather\.yml:10:9: groups\[0\]\.rules\[0\]\.expr: 1:5: parse error: unexpected identifier "bye"$/,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'a model.onnx that is text',
    spoil: ({ path }) => writeFileSync(path(inRevision('model.onnx')), 'not a model\n'),
    code: 2,
    says: /^error .*\/model\.onnx is not a readable ONNX model: /,
    hint: /Export the model again.*MW_MODEL_UNREADABLE/,
  },
  {
    why: 'a model.onnx that is half there',
    spoil: ({ path }) => halve(path(inRevision('model.onnx'))),
    code: 2,
    says: /^error .*\/model\.onnx is not a readable ONNX model: /,
    hint: /Export the model again.*MW_MODEL_UNREADABLE/,
  },
  {
    why: 'a model.yaml with a feature the model does not take',
    spoil: (project) => {
      for (const file of ['reference.json', 'golden.json']) rmSync(project.path(inRevision(file))) // They would be found out first.
      broken('models/weather/model.yaml', 'name: wind,', 'name: wind_speed,')(project)
    },
    code: 2,
    says: /^error .*\/model\.onnx takes the inputs .*wind.*; model\.yaml has the features .*wind_speed/,
    hint: /agree.*MW_MODEL_MISMATCH/,
  },
  {
    why: 'a model.yaml with a feature the reference lacks',
    spoil: broken('models/weather/model.yaml', 'name: wind,', 'name: wind_speed,'),
    code: 2,
    says: /^error .*\/reference\.json:\d+:\d+: values\[3\]\.name: the model weather has no input wind/,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'the reference.json of another model',
    spoil: broken(inRevision('reference.json'), '"weather"', '"climate"'),
    code: 2,
    says: /^error .*\/reference\.json:3:3: model: this is the reference of the model climate, not of weather/,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'half a reference.json',
    spoil: ({ path }) => halve(path(inRevision('reference.json'))),
    code: 2,
    says: /^error .*\/reference\.json:\d+:\d+: not valid /,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'no modelwatch.yaml',
    spoil: ({ path }) => rmSync(path('modelwatch.yaml')),
    code: 2,
    says: /^error modelwatch\.yaml cannot be read$/,
    hint: /Name a folder that holds a modelwatch\.yaml/,
  },
  {
    why: 'no prometheus.yml',
    spoil: ({ path }) => rmSync(path('prometheus.yml')),
    code: 2,
    says: /^error prometheus\.yml: cannot be read: /,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'a replay of a file that is not there',
    spoil: ({ path }) => rmSync(path('data/seattle-held-out.csv')),
    code: 2,
    says: /^error .*seattle-held-out\.csv cannot be opened: there is no such file$/,
    hint: /MW_TABLE_UNREADABLE/,
  },
  {
    why: 'profile: a CSV that lacks a column',
    spoil: ({ edit }) => edit('data/seattle-training.csv', (text) => text.replace('wind', 'breeze')),
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error data\/seattle-training\.csv lacks the column wind; it has .*breeze/,
    hint: /Add the column, or rename/,
  },
  {
    why: 'profile: a CSV with a word for a number',
    spoil: ({ edit }) => edit('data/seattle-training.csv', (text) => text.replace(/^(.*\n[^,]*,)[^,]*/, '$1much')),
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error data\/seattle-training\.csv, row 1: precipitation /,
    hint: /--skip-invalid/,
  },
  {
    why: 'replay: no gateway',
    args: ['replay', 'data/new-york.csv', '--url', 'http://127.0.0.1:1'],
    code: 1,
    says: /^error no gateway answers at http:\/\/127\.0\.0\.1:1: /,
    hint: /Start the gateway first/,
  },
  {
    why: 'replay: a rate that is no number',
    args: ['replay', 'data/new-york.csv', '--rate', 'fast'],
    code: 2,
    says: /^error --rate: fast is not a number$/,
    hint: /--help/,
  },
  {
    why: 'replay: a rate that nothing could keep',
    args: ['replay', 'data/new-york.csv', '--rate', '1e12'],
    code: 2,
    says: /^error --rate: 1e12 is not above 0 and up to 100000 rows a second$/,
    hint: /--help/,
  },
  {
    why: 'replay: a time longer than a timer waits',
    args: ['replay', 'data/new-york.csv', '--for', '30d'],
    code: 2,
    says: /^error --for: 30d is longer than 24d$/,
    hint: /--help/,
  },
  ...[
    { url: '', says: /^error --url: the address is empty$/ },
    { url: 'foo', says: /^error --url: foo is not an address such as http:/ },
    { url: 'localhost:18000', says: /^error --url: localhost:18000 is not an address such as http:/ },
    { url: 'ftp://host', says: /^error --url: ftp:\/\/host: a gateway speaks http or https, not ftp$/ },
  ].map(({ url, says }): Fault => {
    const args = ['replay', 'data/new-york.csv', '--url', url]
    return { why: `replay: the address "${url}"`, args, code: 2, says, hint: /--help/ }
  }),
  {
    why: 'replay: a folder named as a table',
    spoil: ({ path }) => mkdirSync(path('rows.csv')),
    args: ['replay', 'rows.csv'],
    code: 2,
    says: /^error rows\.csv is a folder, not a file$/,
    hint: /MW_TABLE_UNREADABLE/,
  },
  {
    why: 'profile: a folder named as a table',
    spoil: ({ path }) => mkdirSync(path('rows.parquet')),
    args: ['profile', 'models/weather', '--data', 'rows.parquet'],
    code: 2,
    says: /^error rows\.parquet is a folder, not a file$/,
    hint: /MW_TABLE_UNREADABLE/,
  },
  {
    why: 'profile: a file in place of the model',
    args: ['profile', 'modelwatch.yaml', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error modelwatch\.yaml\/model\.yaml cannot be read: a file stands where a folder must$/,
    hint: /MW_MODEL_PACKAGE/,
  },
  {
    why: 'profile: nowhere to write',
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv', '--out', 'nowhere/reference.json'],
    code: 2,
    says: /^error nowhere\/reference\.json cannot be written: the folder nowhere is not there$/,
    hint: /--out.*MW_WRITE_FAILED/,
  },
  {
    why: 'profile: a folder to write to',
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv', '--out', 'data'],
    code: 2,
    says: /^error data is a folder$/,
    hint: /MW_WRITE_FAILED/,
  },
  {
    why: 'profile: a model that fails on the rows',
    spoil: (project) => {
      broken('models/weather/model.yaml', 'name: weather, type: category,', 'name: weather, type: category, nullable: true,')(project)
      broken('data/seattle-training.csv', /,(drizzle|fog|rain|snow|sun),/g, ',,')(project)
    },
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error the model failed within the first 1095 rows of data\/seattle-training\.csv: .*Unknown Category/,
    hint: /MW_PROFILE_MODEL_FAILED/,
  },
  {
    why: 'profile: a model that answers nothing',
    spoil: (project) => {
      broken('models/weather/model.yaml', 'name: wind, type: number,', 'name: wind, type: number, nullable: true,')(project)
      project.edit('data/seattle-training.csv', (text) => text.replace(/^(2[^,]*,[^,]*,[^,]*,[^,]*),[^,]*/gm, '$1,'))
    },
    args: ['profile', 'models/weather', '--data', 'data/seattle-training.csv'],
    code: 2,
    says: /^error the model never answers a finite number for temp_max_tomorrow, in 1095 rows of data\/seattle-training\.csv$/,
    hint: /MW_PROFILE_OUTPUT_EMPTY/,
  },
  {
    why: 'export rules: a file in place of the folder',
    args: ['export', 'rules', '--out', 'modelwatch.yaml'],
    code: 2,
    says: /^error modelwatch\.yaml cannot be written: a file stands where a folder must$/,
    hint: /MW_WRITE_FAILED/,
  },
  {
    why: 'a folder in place of reference.json',
    spoil: ({ path }) => {
      rmSync(path(inRevision('reference.json')))
      mkdirSync(path(inRevision('reference.json')))
    },
    code: 2,
    says: /^error .*\/reference\.json cannot be read: it is a folder, and must be a file$/,
    hint: /MW_MODEL_PACKAGE/,
  },
  {
    why: 'monitor: a retention that is no duration',
    args: ['monitor', '--storage.retention.time', 'long'],
    code: 2,
    says: /^error --storage\.retention\.time: long is not a duration such as 6h$/,
    hint: /--help/,
  },
  { why: 'an unknown command', args: ['prfile'], code: 2, says: /^error: unknown command 'prfile'$/, hint: /Did you mean profile\?/ },
  { why: 'an unknown option', args: ['serve', '--port'], code: 2, says: /^error: unknown option '--port'$/, hint: /"modelwatch help"/ },
  { why: 'a missing argument', args: ['replay'], code: 2, says: /^error: missing required argument 'file'$/, hint: /"modelwatch help"/ },
]

function halve(path: string): void {
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.subarray(0, bytes.length / 2))
}

describe('what goes wrong is told in a sentence, and what to do about it', () => {
  test.concurrent.for(faults)('$why', async ({ spoil, args = ['up', '.'], code, says, hint }, context) => {
    const { expect } = context
    const project = await projectFor(context)
    spoil?.(project)
    const ended = await runCommand(args, { cwd: project.dir })
    const [sentence, ...rest] = ended.stderr.trimEnd().split('\n')
    expect(sentence).toMatch(says)
    expect(rest.join('\n')).toMatch(hint)
    expect(rest.length).toBeLessThanOrEqual(2)
    expect(ended.stderr).not.toContain('    at ')
    expect(ended.code).toBe(code)
  })

  test.concurrent('with --trace, the stack is shown', async (context) => {
    const { expect } = context
    const { dir } = await projectFor(context)
    for (const args of [
      ['up', 'nowhere', '--trace'],
      ['--trace', 'up', 'nowhere'],
    ]) {
      const { code, stderr } = await runCommand(args, { cwd: dir })
      expect(stderr).toMatch(/^error nowhere\/modelwatch\.yaml cannot be read\n/)
      expect(stderr).toMatch(/\n {4}at .*\ncaused by /s)
      expect(code).toBe(2)
    }
  })
})

test.concurrent.for([
  { what: 'serving.listen', url: 'gatewayUrl' },
  { what: 'the monitor', url: 'monitorUrl' },
] as const)('a port that is taken ($what): nothing is left running', async ({ what, url }, context) => {
  const { expect } = context
  const project = await projectFor(context)
  const { host, port } = new URL(project[url])
  const taken = await takePort(Number(port))
  const running = startCommand(['up', project.dir])
  const seen = new Set<number>()
  const looking = setInterval(() => {
    for (const pid of descendantsOf(running.pid)) seen.add(pid)
  }, 20)
  try {
    const { code, stderr } = await running.ended
    expect(stderr.split('\n')[0]).toBe(`error ${what}: ${host} is in use already`)
    expect(stderr).toMatch(/Stop what listens there .*, or choose another port\. \(MW_LISTEN_ADDRESS_IN_USE\)/)
    expect(stderr).not.toContain('    at ')
    expect(code).toBe(2)
    expect(seen.size).toBe(2)
    expect([...seen].filter(isAlive)).toEqual([])
    // The other port was let go.
    const other = new URL(url === 'gatewayUrl' ? project.monitorUrl : project.gatewayUrl)
    await releasePort(await takePort(Number(other.port)))
  } finally {
    clearInterval(looking)
    await releasePort(taken)
  }
})

describe('help', () => {
  test.concurrent.for([
    { args: ['--help'], mentions: ['up', 'serve', 'monitor', 'profile', 'replay', 'export', '--version', '--trace', 'Exit codes'] },
    { args: ['up', '--help'], mentions: ['[dir]', 'modelwatch.yaml', '--trace'] },
    { args: ['serve', '--help'], mentions: ['[dir]', '--listen'] },
    { args: ['monitor', '--help'], mentions: ['--config.file', '--web.listen-address', '--storage.retention.time'] },
    { args: ['profile', '--help'], mentions: ['<model-dir>', '--data', '--revision', '--out', '--bins', '--skip-invalid', 'Example:'] },
    {
      args: ['replay', '--help'],
      mentions: ['<file>', '--url', '--model', '--rate', '--order', '--seed', '--label-delay', '--for', '--once', 'Example:'],
    },
    { args: ['deploy', '--help'], mentions: ['<model>', '<source>', '--dir', '--name', '--no-traffic', '--tag', '--json', 'Examples:'] },
    {
      args: ['traffic', '--help'],
      mentions: ['--to-revisions', '--to-tags', '--to-latest', '--set-tag', '--shadow', '--no-shadow', 'Examples:'],
    },
    { args: ['revisions', '--help'], mentions: ['<model>', '--all', '--json'] },
    { args: ['rollback', '--help'], mentions: ['<model>', '--no-wait', '--timeout', '--json'] },
    { args: ['queue', '--help'], mentions: ['ls', 'show', 'retry', 'purge'] },
    { args: ['queue', 'purge', '--help'], mentions: ['--state', '--model', '--yes', 'Examples:'] },
    { args: ['work', '--help'], mentions: ['[dir]', '--models', '--threads-min', '--threads-max', '--listen'] },
    { args: ['export', '--help'], mentions: ['rules'] },
    { args: ['export', 'rules', '--help'], mentions: ['[dir]', '--out'] },
    { args: ['help', 'serve'], mentions: ['--listen'] },
  ])('modelwatch $args', async ({ args, mentions }, { expect }) => {
    const { code, stdout, stderr } = await runCommand(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^Usage: modelwatch /)
    expect(mentions.filter((word) => !stdout.includes(word))).toEqual([])
  })

  test.concurrent('--version is the version of the package', async ({ expect }) => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
    expect(await runCommand(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('what works', () => {
  test.concurrent('profile makes the reference that the example holds', async (context) => {
    const { expect } = context
    const { dir, path } = await projectFor(context)
    const args = ['profile', 'models/weather', '--data', 'data/seattle-training.csv', '--out', 'again.json']
    const { code, stdout } = await runCommand(args, { cwd: dir })
    expect(code).toBe(0)
    expect(stdout).toMatch(/wrote again\.json: 1095 rows of seattle-training\.csv\n$/)
    expect(readFileSync(path('again.json'), 'utf8')).toBe(readFileSync(path(inRevision('reference.json')), 'utf8'))
  })

  test.concurrent('replay tells in its last line what became of every row and every label', async (context) => {
    const { expect } = context
    const { dir, gateway } = await fakeGatewayFor(context)
    gateway.labels = ({ labels }) => ({ status: 200, body: { outcomes: { matched: labels.length - 1, orphan: 1 } } })
    const { code, stdout } = await runCommand(
      ['replay', 'rows.csv', '--url', gateway.url, '--once', '--rate', '50', '--label-delay', '0s'],
      {
        cwd: dir,
      },
    )
    expect(stdout).toMatch(
      /\nsent 20, answered 20, labelled \d+, failed 0; \d+ labels? whose prediction the gateway no longer knows, as after its restart\n$/,
    )
    const [, labelled, orphan] = /labelled (\d+), failed 0; (\d+)/.exec(stdout)!
    expect(Number(labelled) + Number(orphan)).toBe(20)
    expect(code).toBe(0)
  })

  test.concurrent('replay stops at Ctrl-C at any rate, and tells how many labels were not sent', async (context) => {
    const { expect } = context
    const { dir, gateway } = await fakeGatewayFor(context)
    const running = startCommand(['replay', 'rows.csv', '--url', gateway.url, '--rate', '100000', '--label-delay', '1h'], { cwd: dir })
    await until('predictions come', () => gateway.predictions.length > 100)
    running.kill('SIGINT')
    const { code, stdout, stderr } = await running.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const last =
      /\nsent (\d+), answered (\d+), labelled 0, failed 0(; \d+ rows not sent, for too many were under way)?; (\d+) labels not sent, for the replay was stopped before\n$/.exec(
        stdout,
      )
    expect(last, stdout).not.toBeNull()
    expect(last![2]).toBe(last![1])
    expect(last![4]).toBe(last![1])
  })

  test.concurrent('replay has failed when nothing was answered', async (context) => {
    const { expect } = context
    const { dir, gateway } = await fakeGatewayFor(context)
    gateway.predict = () => ({ status: 422, body: { error: 'wind must be a number' } })
    const { code, stdout } = await runCommand(['replay', 'rows.csv', '--url', gateway.url, '--once', '--rate', '500'], { cwd: dir })
    expect({ code, last: stdout.trimEnd().split('\n').at(-1) }).toEqual({
      code: 1,
      last: 'sent 20, answered 0, labelled 0, failed 20 (422: wind must be a number)',
    })
  })

  test.concurrent('replay knows a server that is no gateway', async (context) => {
    const { expect } = context
    const { dir, gateway } = await fakeGatewayFor(context)
    gateway.models = { status: 200, body: {} }
    const { code, stderr } = await runCommand(['replay', 'rows.csv', '--url', gateway.url], { cwd: dir })
    expect(stderr).toMatch(
      /^error http:\/\/127\.0\.0\.1:\d+ is no modelwatch gateway: its \/v1\/models lists no models\n.*MW_REPLAY_UNREACHABLE\)\n$/,
    )
    expect(code).toBe(1)
  })

  test.concurrent('export rules writes the rule file that the example holds', async (context) => {
    const { expect } = context
    const { dir, path } = await projectFor(context)
    cpSync(path('rules/weather.yml'), path('before.yml'))
    rmSync(path('rules/weather.yml'))
    const { code, stdout } = await runCommand(['export', 'rules'], { cwd: dir })
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^wrote .*weather\.yml\n$/) })
    expect(readFileSync(path('rules/weather.yml'), 'utf8')).toBe(readFileSync(path('before.yml'), 'utf8'))
  })
})
