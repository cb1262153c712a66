import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, type TestContext, test } from 'vitest'
import { descendantsOf, isAlive, runCommand, startCommand } from '../support/command.ts'
import { createProject, type Project, releasePort, takePort } from '../support/up.ts'

const revision = 'models/weather/revisions/v1'
const inRevision = (name: string) => `${revision}/${name}`

/** A project of its own for one test, gone with it. */
async function projectFor({ onTestFinished }: TestContext): Promise<Project> {
  const project = await createProject()
  onTestFinished(project.remove)
  return project
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
    says: /^error modelwatch\.yaml:8:3: monitor\.retentoin: unknown key; known here: listen, config_file, retention$/,
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
    says: /^error rules\/weather\.yml:8:9: groups\[0\]\.rules\[0\]\.expr: 1:5: parse error: unexpected "bye"$/,
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
      rmSync(project.path(inRevision('reference.json'))) // It would be found out first.
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
    says: /^error .*seattle-held-out\.csv cannot be opened$/,
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
    says: /^error --rate: fast will not do$/,
    hint: /--help/,
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
