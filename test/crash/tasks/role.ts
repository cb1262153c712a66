import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { RoleMessage } from '../../../src/app/supervisor/child.ts'

const TAIL_LINES_MAX = 60
/** Wait before a process is started again that ended by itself. */
const AGAIN_MS = 100

export interface RoleDeps {
  /** Whether it is right that it cannot start for this reason, `CODE: message`; it is started again then. */
  mayFail(reason: string): boolean
  note(text: string): void
  /** Told of what it should not have done. */
  fault(text: string): void
}

/**
 * A process that is killed and started again. It is a child with a channel, as under a supervisor: it says when it is ready, and ends when the test does.
 */
export class Role {
  readonly name: string
  readonly #args: readonly string[]
  readonly #deps: RoleDeps
  readonly #tail: string[] = []
  #child: ChildProcess | undefined
  #ready = Promise.withResolvers<void>()
  #isReady = false
  #isStopping = false
  #isKilled = false

  /** @param args - Of node. */
  constructor(name: string, args: readonly string[], deps: RoleDeps) {
    this.name = name
    this.#args = args
    this.#deps = deps
    this.#start()
  }

  /** Its last lines. */
  get tail(): readonly string[] {
    return this.#tail
  }

  get isReady(): boolean {
    return this.#isReady
  }

  /** Resolves when it is ready, after whatever may happen to it until then. */
  whenReady(): Promise<void> {
    return this.#ready.promise
  }

  /** Ends it at once; it starts again by itself. */
  kill(): void {
    this.#isKilled = true
    this.#leave()
    this.#child?.kill('SIGKILL')
  }

  /** Stops its time for a while. */
  freeze(forMs: number): void {
    const child = this.#child
    child?.kill('SIGSTOP')
    setTimeout(() => child?.kill('SIGCONT'), forMs)
  }

  /** Asks it to end, and waits. */
  async stop(): Promise<void> {
    await this.whenReady()
    this.#isStopping = true
    const child = this.#child!
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null]
    if (code !== 0) this.#deps.fault(`${this.name}: asked to stop, it ended with ${signal ?? code}`)
  }

  /** Ends it for good, whatever it does. */
  async dispose(): Promise<void> {
    this.#isStopping = true
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  #leave(): void {
    if (this.#isReady) this.#ready = Promise.withResolvers()
    this.#isReady = false
  }

  #start(): void {
    const child = spawn(process.execPath, this.#args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child = child
    this.#isKilled = false
    let failure: string | undefined
    createInterface({ input: child.stderr! }).on('line', (line) => {
      this.#tail.push(line)
      if (this.#tail.length > TAIL_LINES_MAX) this.#tail.shift()
    })
    child.on('message', (message: RoleMessage) => {
      if (message.kind === 'failed') failure = `${message.code}: ${message.message}`
      else if (!this.#isKilled) {
        this.#deps.note(`${this.name} is ready`)
        this.#isReady = true
        this.#ready.resolve()
      }
    })
    child.once('exit', (code, signal) => {
      if (this.#isStopping) return
      const wasReady = this.#isReady
      this.#leave()
      if (this.#isKilled) return this.#start()
      const how = `${this.name} ended by itself: ${failure ?? signal ?? code}`
      this.#deps.note(how)
      if (wasReady || failure === undefined || !this.#deps.mayFail(failure)) this.#deps.fault(`${how}\n${this.#tail.slice(-5).join('\n')}`)
      setTimeout(() => {
        if (!this.#isStopping) this.#start()
      }, AGAIN_MS)
    })
  }
}
