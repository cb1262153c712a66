import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { defineErrors, messageOf } from '../core/errors.ts'
import { parseDurationMs } from '../core/time.ts'
import type { ReplayConfig } from '../sources/loadtest/config.ts'
import type { Replay } from '../sources/loadtest/index.ts'
import { type ModelwatchConfig, readModelwatchConfig } from './config.ts'
import { createReplay, toReplayOptions } from './replay.ts'
import { type RoleProcess, spawnRole } from './supervisor/child.ts'

export const upErrors = defineErrors({
  MW_ROLE_GIVEN_UP: { kind: 'internal', retryable: true, hint: 'Its last lines above say why it ended; mend that and start again.' },
  MW_UP_ABORTED: { kind: 'unavailable', retryable: true, hint: 'Nothing was left running.' },
})

export interface UpDeps {
  /** Program and leading arguments that start modelwatch itself. */
  readonly command: readonly [string, ...string[]]
  /** A line of a role's log, as it wrote it. */
  onLog(role: string, line: string): void
  /** Something the person at the terminal should know. */
  onNote(text: string): void
}

export interface RunningReplay {
  readonly config: ReplayConfig
  readonly replay: Replay
}

/** Everything that `modelwatch up` runs. */
export interface Running {
  readonly gatewayUrl: string
  readonly monitorUrl: string
  /** Of the worker processes, where there are any. */
  readonly workerUrls: readonly string[]
  readonly replays: readonly RunningReplay[]
  /** Resolves when all has ended; rejects when a role is given up. */
  readonly ended: Promise<void>
  /** Ends the replays first, then the gateway and the workers, then the monitor, so that the last requests are still seen. */
  stop(): Promise<void>
}

const RESTART_DELAY_MS_MIN = 500
const RESTART_DELAY_MS_MAX = 30_000
/** Deaths in a row, each sooner than a minute after the start, before a role is given up. */
const RESTARTS_MAX = 5
const STABLE_MS = 60_000

/**
 * Starts what DIR/modelwatch.yaml names: gateway, monitor and workers as processes of their own, so that a heavy query never slows a prediction,
 * and the replays here. A role that dies is started anew, more slowly each time.
 * @param signal - Gives up the start when aborted; afterwards `stop` ends what runs.
 * @throws RoleFailure when a role cannot start, and what reading the configuration throws; nothing is left running then.
 */
export async function startUp(dir: string, deps: UpDeps, signal: AbortSignal): Promise<Running> {
  const { value: config } = await readModelwatchConfig(dir)
  const stopping = new AbortController()
  const supervise = (role: Role) => new SupervisedRole(role, deps, stopping.signal)
  const { serving, work } = config
  const drainMs = toMs(work.stop_timeout) + toMs(work.webhooks.timeout)
  const gateway = supervise({
    name: 'gateway',
    listen: serving.listen,
    argsFor: (listen) => ['serve', dir, '--listen', listen],
    stopMs: toMs(serving.stop_timeout) + (work.in_gateway ? drainMs : 0),
  })
  const monitor = supervise({
    name: 'monitor',
    listen: config.monitor.listen,
    argsFor: (listen) => monitorArgs(config, dir, listen),
    stopMs: 0,
  })
  const workers = workerListens(work).map((at, i) =>
    supervise({
      name: i === 0 ? 'worker' : `worker ${i + 1}`,
      listen: at,
      argsFor: (listen) => ['work', dir, '--listen', listen],
      stopMs: drainMs,
    }),
  )
  const roles = [gateway, monitor, ...workers]
  const stopRoles = async () => {
    await gateway.stop()
    await Promise.all(workers.map((worker) => worker.stop()))
    await monitor.stop()
  }
  const replays: RunningReplay[] = []
  let urls: string[]
  try {
    urls = await untilAborted(Promise.all(roles.map((role) => role.start())), signal)
    for (const entry of config.replay) replays.push({ config: entry, replay: await createReplay(toReplayOptions(entry, dir, urls[0]!)) })
  } catch (error) {
    stopping.abort()
    await stopRoles()
    throw error
  }
  const replaying = replays.map(({ replay }) => replay.run(stopping.signal))
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= (async () => {
      stopping.abort()
      await Promise.all(replaying)
      await Promise.all(replays.map(({ replay }) => replay.close()))
      await stopRoles()
    })()
    return stopped
  }
  const ended = Promise.race(roles.map((role) => role.ended))
  ended.catch(() => {}) // The caller awaits it; until then it must not end the process.
  const [gatewayUrl, monitorUrl, ...workerUrls] = urls as [string, string, ...string[]]
  return { gatewayUrl, monitorUrl, workerUrls, replays, ended, stop }
}

/** Where each worker process listens: the first at `work.listen`, the others on the ports after it; on any free ports when that is 0. */
function workerListens({ listen, processes }: ModelwatchConfig['work']): string[] {
  const [, host, port] = /^(.*):(\d+)$/.exec(listen) ?? [undefined, listen, '0']
  return Array.from({ length: processes }, (_, i) => `${host}:${port === '0' ? 0 : Number(port) + i}`)
}

function monitorArgs({ monitor }: ModelwatchConfig, dir: string, listen: string): string[] {
  return [
    'monitor',
    '--config.file',
    join(dir, monitor.config_file),
    '--web.listen-address',
    listen,
    '--storage.path',
    join(dir, monitor.storage),
    '--storage.retention.time',
    monitor.retention,
    ...(monitor.retention_size === undefined ? [] : ['--storage.retention.size', monitor.retention_size]),
  ]
}

/** @throws MW_UP_ABORTED when the signal comes first. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => {}) // Whoever aborts does not wait for how the work ends.
  const aborted = Promise.withResolvers<never>()
  const abort = () => aborted.reject(upErrors.MW_UP_ABORTED('stopped while starting'))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([work, aborted.promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

const toMs = (duration: string) => parseDurationMs(duration)!

interface Role {
  readonly name: string
  /** As configured. */
  readonly listen: string
  argsFor(listen: string): readonly string[]
  /** How long it may take by its configuration to finish what it has in hand when it is asked to end. */
  readonly stopMs: number
}

/** Beyond what its configuration gives it, before a role that does not end is killed: a worker that is killed would leave a death with each of its tasks. */
const STOP_GRACE_MS = 15_000

/** A role that is started anew when it dies, until it is stopped or given up. */
class SupervisedRole {
  readonly ended: Promise<void>
  readonly #role: Role
  /** As configured; once it has started, with the port that was taken, for others know it by now. */
  #listen: string
  readonly #deps: UpDeps
  readonly #stopping: AbortSignal
  #process: RoleProcess | undefined
  readonly #end = Promise.withResolvers<void>()

  constructor(role: Role, deps: UpDeps, stopping: AbortSignal) {
    this.#role = role
    this.#listen = role.listen
    this.#deps = deps
    this.#stopping = stopping
    this.ended = this.#end.promise
    this.ended.catch(() => {})
  }

  /** @returns its URL. @throws RoleFailure when the first start fails; later ones are tried again. */
  async start(): Promise<string> {
    const url = await this.#spawn().ready
    this.#listen = this.#listen.replace(/:0+$/, `:${new URL(url).port}`) // The address stays: a URL names 127.0.0.1 for 0.0.0.0, and no port 80.
    void this.#watch()
    return url
  }

  async stop(): Promise<void> {
    await this.#process?.stop(this.#role.stopMs + STOP_GRACE_MS)
    this.#end.resolve()
  }

  #spawn(): RoleProcess {
    const { name, argsFor } = this.#role
    this.#process = spawnRole(name, this.#deps.command, argsFor(this.#listen), (line) => this.#deps.onLog(name, line))
    return this.#process
  }

  async #watch(): Promise<void> {
    const { name } = this.#role
    let restarts = 0
    let startedMs = performance.now()
    for (;;) {
      const { code, signal } = await this.#process!.exited
      if (this.#stopping.aborted) return
      if (performance.now() - startedMs > STABLE_MS) restarts = 0
      const how = `the ${name} ended unexpectedly (${signal ?? `exit code ${code}`})`
      if (restarts === RESTARTS_MAX) {
        this.#end.reject(upErrors.MW_ROLE_GIVEN_UP(`${how}, ${RESTARTS_MAX + 1} times in a row; it is given up`))
        return
      }
      const waitMs = Math.min(RESTART_DELAY_MS_MAX, RESTART_DELAY_MS_MIN * 2 ** restarts++)
      this.#deps.onNote(`${how}; it is started anew in ${waitMs / 1000} s`)
      await delay(waitMs, undefined, { signal: this.#stopping }).catch(() => {}) // Stopping ends the wait, and is looked at next.
      if (this.#stopping.aborted) return
      startedMs = performance.now()
      this.#spawn().ready.catch((error: unknown) => this.#deps.onNote(`the ${name} did not start: ${messageOf(error)}`))
    }
  }
}
