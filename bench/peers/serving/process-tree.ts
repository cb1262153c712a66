import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'undici'

const READY_MS_MAX = 90_000
const STOP_MS_MAX = 15_000

/** A process and all that it started, told apart from later ones of the same number by when they began. */
interface Member {
  readonly pid: number
  readonly started: string
}

const running = new Set<ChildProcess>()
// Whatever way this process ends, nothing that it started stays: the last resort, for `stop` asks first.
process.once('exit', () => {
  for (const child of running) killTree(child)
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

export interface Program {
  readonly command: readonly [string, ...string[]]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** All of them answer 200 when it is ready. */
  readonly ready: readonly string[]
}

export interface RunningProgram {
  readonly pid: number
  /** Asks it to end, and ends what is left of its tree when it does not. */
  stop(): Promise<void>
}

/** Starts a server of another's making. @throws when it ends, or is not ready in time; with the end of what it said. */
export async function startProgram({ command, cwd, env, ready }: Program): Promise<RunningProgram> {
  const [program, ...args] = command
  const child = spawn(program, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (piece: Buffer) => {
      said = (said + piece.toString()).slice(-4000)
    })
  let failure: Error | undefined
  child.once('error', (error) => {
    failure = error
  })
  const exited = once(child, 'exit')
  exited.catch(() => {}) // A program that is not there is told below.
  const startMs = performance.now()
  while (!(await Promise.all(ready.map(answers))).every(Boolean)) {
    const ended = failure !== undefined || child.exitCode !== null
    if (ended || performance.now() - startMs > READY_MS_MAX) {
      await stop(child, exited)
      throw new Error(`${command.join(' ')} ${ended ? 'ended' : 'is not ready'}: ${failure?.message ?? said.trim()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return { pid: child.pid!, stop: () => stop(child, exited) }
}

async function answers(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(url, { headersTimeout: 2000 })
    await body.dump()
    return statusCode === 200
  } catch {
    return false // Not listening yet.
  }
}

async function stop(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  const tree = child.pid === undefined ? [] : treeOf(child.pid)
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
    await exited.catch(() => {})
    clearTimeout(timer)
  }
  for (const member of tree) killMember(member)
  running.delete(child)
}

function killTree(child: ChildProcess): void {
  for (const member of child.pid === undefined ? [] : treeOf(child.pid)) killMember(member)
}

function killMember({ pid, started }: Member): void {
  if (statOf(pid)?.started !== started) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended between the look and the signal.
  }
}

/** A process, its children, and theirs. Servers put their workers into groups of their own, so a group's signal would miss some. */
function treeOf(root: number): Member[] {
  const stats = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((stat) => stat !== undefined)
  const tree: Member[] = []
  const visit = (pid: number) => {
    const found = stats.find((stat) => stat.pid === pid)
    if (found === undefined) return
    tree.push(found)
    for (const { pid: child } of stats.filter(({ parent }) => parent === pid)) visit(child)
  }
  visit(root)
  return tree
}

function statOf(pid: number): (Member & { readonly parent: number }) | undefined {
  try {
    // The name, in brackets, may hold spaces; the parent is the second word behind it, the start the twentieth.
    const words = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { pid, parent: Number(words[1]), started: words[19]! }
  } catch {
    return undefined // It has ended.
  }
}
