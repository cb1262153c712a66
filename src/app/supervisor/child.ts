import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { type ErrorKind, ModelwatchError } from '../../core/errors.ts'

/** What a role tells its supervisor over the process channel. */
export type RoleMessage =
  | { readonly kind: 'ready'; readonly url: string }
  | { readonly kind: 'failed'; readonly code: string; readonly errorKind: ErrorKind; readonly message: string; readonly hint: string }

/** One role in a process of its own. */
export interface RoleProcess {
  readonly name: string
  readonly pid: number | undefined
  /** Resolves once the role listens; rejects with why it could not. */
  readonly ready: Promise<string>
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Asks it to end, and kills it after so long. */
  stop(graceMs: number): Promise<void>
}

/** Why a role could not start, as it said itself: its error, carried over the process channel. */
export class RoleFailure extends ModelwatchError {
  constructor({ code, errorKind, message, hint }: Omit<Extract<RoleMessage, { kind: 'failed' }>, 'kind'>) {
    super(code, { kind: errorKind, retryable: false, hint }, message)
  }
}

/**
 * Starts `modelwatch ROLE …` as a child. Its log lines are handed on, one by one.
 * @param command - Program and leading arguments that start modelwatch itself.
 */
export function spawnRole(
  name: string,
  command: readonly [string, ...string[]],
  args: readonly string[],
  onLog: (line: string) => void,
): RoleProcess {
  const [program, ...leading] = command
  // In a process group of its own: Ctrl-C reaches the supervisor alone, and the order in which roles end is its decision.
  const child = spawn(program, [...leading, ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true })
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream! }).on('line', onLog)
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  })
  return { name, pid: child.pid, ready: readiness(name, child, exited), exited, stop: (graceMs) => stop(child, exited, graceMs) }
}

function readiness(name: string, child: ChildProcess, exited: RoleProcess['exited']): Promise<string> {
  const ready = new Promise<string>((resolve, reject) => {
    child.on('message', (message: RoleMessage) => {
      if (message.kind === 'ready') resolve(message.url)
      else if (message.kind === 'failed') reject(new RoleFailure(message))
      // Anything else is Node's own: under `node --watch` it reports files over the same channel.
    })
    const fail = (code: string, why: string, hint: string) => reject(new RoleFailure({ code, errorKind: 'internal', message: why, hint }))
    child.once('error', (error) => fail('MW_ROLE_START', `${name} cannot be started: ${error.message}`, 'Is modelwatch installed whole?'))
    void exited.then(({ code, signal }) =>
      fail('MW_ROLE_EXIT', `${name} ended before it was ready (${signal ?? `exit code ${code}`})`, 'Its last lines above say why.'),
    )
  })
  ready.catch(() => {}) // Whoever awaits it is told; a role that is stopped before that need not be.
  return ready
}

async function stop(child: ChildProcess, exited: RoleProcess['exited'], graceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  await exited
  clearTimeout(timer)
}
