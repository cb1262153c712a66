import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Ended, endTree, isAlive, type Running, runCommand, startCommand } from './command.ts'
import { root } from './source-files.ts'
import { until } from './until.ts'

/** A folder with models to serve, and nothing else in it: no monitor, no replay. */
export interface ServingProject {
  readonly dir: string
  path(...names: string[]): string
  /** `modelwatch ARGS`, in this folder. */
  run(...args: string[]): Promise<Ended>
  /** Removes the folder, and ends what still runs in it. For `afterAll`. */
  dispose(): void
  /** `modelwatch serve`, on a free port, ready. */
  serve(): Promise<Role>
  /** `modelwatch work`, on a free port, ready. */
  work(...flags: string[]): Promise<Role>
}

/** A gateway or a worker that runs. */
export interface Role {
  readonly pid: number
  readonly url: string
  log(): string
  /** Asks it to stop, and waits for the end. */
  stop(): Promise<Ended>
  /** Ends it as a crash would. */
  kill(): Promise<void>
}

/** @param config - The text of modelwatch.yaml, but for `serving:`: on a machine that is late with everything, requests shall be answered late and not refused. */
export function createServingProject(config = ''): ServingProject {
  const dir = mkdtempSync(join(tmpdir(), 'modelwatch-serving-'))
  const path = (...names: string[]) => join(dir, ...names)
  const started: Running[] = []
  mkdirSync(path('models'))
  writeFileSync(path('modelwatch.yaml'), `serving:\n  wait_max: 1m\n  loop_delay_max: 1m\n${config}`)

  const start = async (role: 'serve' | 'work', flags: readonly string[] = []): Promise<Role> => {
    const running = startCommand([role, '.', '--listen', '127.0.0.1:0', ...flags], { cwd: dir })
    started.push(running)
    const url = await until(`modelwatch ${role} listens`, () => {
      const found = / listens on (http:\/\/[\d.:]+)/.exec(running.stderr())
      // Nothing but a longer wait would come of it.
      if (found === null && !isAlive(running.pid)) return 'ended'
      return found?.[1]
    })
    if (url === 'ended') throw new Error(`modelwatch ${role} ended: ${running.stderr()}`)
    return {
      pid: running.pid,
      url,
      log: running.stderr,
      async stop() {
        running.kill('SIGTERM')
        return running.ended
      },
      async kill() {
        endTree(running.pid)
        await running.ended
      },
    }
  }
  return {
    dir,
    path,
    run: (...args) => runCommand(args, { cwd: dir }),
    serve: () => start('serve'),
    work: (...flags) => start('work', flags),
    dispose() {
      for (const { pid } of started) if (isAlive(pid)) endTree(pid)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** The model of examples/weather, which is a real one. */
export function addWeather(project: ServingProject): void {
  cpSync(join(root, 'examples/weather/models/weather'), project.path('models/weather'), { recursive: true })
}

/** A row of it. */
export const weatherRow = { precipitation: 0, temp_max: 12.8, temp_min: 5, wind: 4.7, weather: 'drizzle', day_of_year: 1 }

/**
 * A model that answers `factor · x`, so that an answer tells which revision gave it, and that does what a row's `mood` says:
 * `slow` takes as many milliseconds as x says, `throws` throws while the file `broken` lies in the project, `exits` ends its thread.
 */
export function addScaler(project: ServingProject): void {
  mkdirSync(project.path('models/scaler'), { recursive: true })
  writeFileSync(
    project.path('models/scaler/model.yaml'),
    `name: scaler
features:
  - { name: x, type: number }
  - { name: mood, type: category, categories: [fine, slow, throws, exits] }
outputs:
  - { name: y, kind: regression }
`,
  )
  writeScaler(project, project.path('models/scaler/revisions/v1'), { factor: 1 })
}

/** Writes a revision of it into a folder. @param options.load - Code that runs when it is loaded. */
export function writeScaler(project: ServingProject, folder: string, { factor, load = '' }: { factor: number; load?: string }): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'predictor.ts'),
    `import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

export default {
  async load() {
    ${load}
  },
  async predict(batch) {
    const answers = []
    for (const { x, mood } of batch.toRows()) {
      if (mood === 'slow') await delay(x)
      if (mood === 'throws' && existsSync(${JSON.stringify(project.path('broken'))})) throw new Error('no answer for ' + x)
      if (mood === 'exits') process.exit(7)
      answers.push({ y: x * ${factor} })
    }
    return answers
  },
}
`,
  )
  writeFileSync(join(folder, 'golden.json'), JSON.stringify([{ inputs: { x: 3, mood: 'fine' }, outputs: { y: 3 * factor } }]))
  writeFileSync(join(folder, 'revision.yaml'), 'runtime:\n  timeout: 20s\n')
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: what the test expects is what it reads.
  readonly body: any
}

/** One request with a JSON body, or without any. */
export async function ask(
  url: string,
  { method, body, headers = {} }: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const reply = await fetch(url, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await reply.text()
  return { status: reply.status, headers: reply.headers, body: text === '' ? undefined : JSON.parse(text) }
}

/** The value of one series of a page of metrics. @param labels - All of them, in their order there, such as `model="m",revision="v1"`. */
export async function metricOf(url: string, name: string, labels = ''): Promise<number | undefined> {
  const head = `${name}${labels === '' ? '' : `{${labels}}`} `
  const line = (await (await fetch(`${url}/metrics`)).text()).split('\n').find((line) => line.startsWith(head))
  return line === undefined ? undefined : Number(line.slice(head.length))
}
