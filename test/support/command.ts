import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './source-files.ts'
import { until } from './until.ts'

/** The built command: what a user runs. */
const commandFile = join(root, 'bin/modelwatch.js')
/** Ends what a broken test left hanging, long before the test runner does. */
const RUN_MS_MAX = 40_000

export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that runs, and what it has written so far. */
export interface Running {
  readonly pid: number
  stdout(): string
  stderr(): string
  readonly ended: Promise<Ended>
  kill(signal: NodeJS.Signals): void
}

/**
 * Starts a program in a process group of its own, so that no signal meant for it reaches the tests.
 * @throws when there is no such program.
 */
export function startProgram(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Running {
  const { FORCE_COLOR: _, ...env } = process.env
  const child: ChildProcess = spawn(program, args, {
    cwd: options.cwd ?? root,
    env: { ...env, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const { pid } = child
  if (pid === undefined) {
    child.once('error', () => {}) // Told here and now.
    throw new Error(`cannot start ${program}`)
  }
  const written = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]!.setEncoding('utf8').on('data', (text: string) => (written[stream] += text))
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, ...written }))
  })
  return { pid, stdout: () => written.stdout, stderr: () => written.stderr, ended, kill: (signal) => child.kill(signal) }
}

/** Starts `modelwatch ARGS`. */
export const startCommand = (args: readonly string[], options: { cwd?: string } = {}) =>
  startProgram(process.execPath, [commandFile, ...args], options)

/** Runs `modelwatch ARGS` to its end. */
export async function runCommand(args: readonly string[], options: { cwd?: string } = {}): Promise<Ended> {
  const running = startCommand(args, options)
  const timer = setTimeout(() => endTree(running.pid), RUN_MS_MAX)
  try {
    return await running.ended
  } finally {
    clearTimeout(timer)
  }
}

/** Whether a process is there; one that has ended and is only waited for counts as gone. */
export function isAlive(pid: number): boolean {
  return stateOf(pid) !== undefined && stateOf(pid)!.state !== 'Z'
}

/** Children of a process, and theirs, as Linux tells. */
export function descendantsOf(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => stateOf(candidate)?.parent === pid)
  return children.flatMap((child) => [child, ...descendantsOf(child)])
}

export const untilGone = (pids: readonly number[], timeoutMs?: number) =>
  until(`the processes ${pids.join(', ')} have ended`, () => pids.every((pid) => !isAlive(pid)), timeoutMs)

/** Ends a process and all it started, at once. */
export function endTree(pid: number): void {
  for (const one of [pid, ...descendantsOf(pid)]) {
    try {
      process.kill(one, 'SIGKILL')
    } catch {
      // Gone already, which is what was wanted.
    }
  }
}

function stateOf(pid: number): { readonly state: string; readonly parent: number } | undefined {
  try {
    // The name in parentheses may hold blanks and parentheses itself.
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return { state: state!, parent: Number(parent) }
  } catch {
    return undefined
  }
}
