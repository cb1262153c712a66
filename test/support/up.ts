import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { descendantsOf, type Ended, endTree, isAlive, type Running, startCommand } from './command.ts'
import { root } from './source-files.ts'
import { until } from './until.ts'

/** A copy of the example in a folder of its own, on ports that nobody else has. */
export interface Project {
  readonly dir: string
  readonly gatewayUrl: string
  readonly monitorUrl: string
  path(name: string): string
  /** Changes a file; throws when nothing was there to change, for then the test would prove nothing. */
  edit(name: string, change: (text: string) => string): void
  remove(): void
}

const example = join(root, 'examples/weather')

export async function createProject(): Promise<Project> {
  const dir = mkdtempSync(join(tmpdir(), 'modelwatch-e2e-'))
  // Not the samples of whoever ran the example in its own folder.
  cpSync(example, dir, { recursive: true, filter: (source) => !/^tsdb$|\.db(-.*)?$/.test(basename(source)) })
  const path = (name: string) => join(dir, name)
  const edit = (name: string, change: (text: string) => string) => {
    const before = readFileSync(path(name), 'utf8')
    const after = change(before)
    if (after === before) throw new Error(`${name}: the change changes nothing`)
    writeFileSync(path(name), after)
  }
  const [gateway, monitor] = await freePorts(2)
  for (const file of ['modelwatch.yaml', 'prometheus.yml']) {
    edit(file, (text) => text.replaceAll('127.0.0.1:8000', `127.0.0.1:${gateway}`).replaceAll('127.0.0.1:9090', `127.0.0.1:${monitor}`))
  }
  return {
    dir,
    gatewayUrl: `http://127.0.0.1:${gateway}`,
    monitorUrl: `http://127.0.0.1:${monitor}`,
    path,
    edit,
    remove: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** `modelwatch up` on a project, past its first lines. */
export interface Up extends Project {
  readonly process: Running
  /** What was written by the time it had said where to look. */
  readonly firstLines: string
  /** Processes of the roles that run at this moment, by the name of the role's command. @throws when one does not run. */
  roles(): { readonly serve: number; readonly monitor: number }
  /** Sends the signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
  /** Ends whatever is still there, and removes the folder. For `afterAll`: harmless after `stop`. */
  dispose(): void
}

const START_MS_MAX = 30_000
const LAST_FIRST_LINE = 'Ctrl-C stops everything.'

/** @param project - An earlier one, to start it again; else a copy of the example. */
export async function startUp(project?: Project): Promise<Up> {
  project ??= await createProject()
  const process = startCommand(['up', project.dir])
  const seen = new Set<number>()
  const dispose = () => {
    for (const pid of [process.pid, ...seen]) if (isAlive(pid)) endTree(pid)
    project.remove()
  }
  const roles = () => {
    const pids = descendantsOf(process.pid)
    for (const pid of pids) seen.add(pid)
    const find = (role: string) => {
      const pid = pids.find((pid) => commandOf(pid) === role)
      if (pid === undefined) throw new Error(`no process runs "modelwatch ${role}"`)
      return pid
    }
    return { serve: find('serve'), monitor: find('monitor') }
  }
  try {
    await until(
      'modelwatch up says where to look',
      () => {
        if (!isAlive(process.pid)) throw new Error(`it ended: ${process.stdout()}${process.stderr()}`)
        return process.stdout().includes(LAST_FIRST_LINE)
      },
      START_MS_MAX,
    )
    roles()
  } catch (error) {
    dispose()
    throw error
  }
  return {
    ...project,
    process,
    firstLines: process.stdout(),
    roles,
    async stop(signal = 'SIGINT') {
      process.kill(signal)
      return process.ended
    },
    dispose,
  }
}

/** `…/main.js serve DIR`: the word after the program. */
function commandOf(pid: number): string | undefined {
  try {
    return /main\.js\0(\w+)/.exec(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))?.[1]
  } catch {
    return undefined // It ended between two looks.
  }
}

/** Ports that are free now. They are held all at once, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => takePort(0)))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map(releasePort))
  return ports
}

/** Listens on a port, so that nobody else can; who connects is hung up on, or releasing the port would wait for him. @throws when somebody does already. */
export function takePort(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

export const releasePort = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()))
