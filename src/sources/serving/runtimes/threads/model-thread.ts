import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { messageOf } from '../../../../core/errors.ts'
import { formatDuration } from '../../../../core/time.ts'
import type { Column, Columns } from '../../../../watch/index.ts'
import type { RuntimeEvent } from '../contract.ts'
import { runtimeErrors } from '../errors.ts'
import { pack, unpack } from './pack.ts'
import type { ThreadReply, ThreadRequest, ThreadStart, ThreadTask } from './protocol.ts'
import { fromWireError } from './wire-error.ts'

export interface ModelThreadOptions {
  readonly task: ThreadTask
  readonly threadFile: URL
  /** Heap and buffers of the thread, MiB, garbage included; undefined: as much as the process may have. */
  readonly memoryMb: number | undefined
  /** Longest call; undefined: any. */
  readonly timeoutMs: number | undefined
  /** Longest time from the start of the thread until its model is loaded and has answered its first row. */
  readonly loadTimeoutMs: number
}

export interface Death {
  readonly reason: Extract<RuntimeEvent, { kind: 'thread_died' }>['reason']
  readonly message: string
  readonly cause: unknown
}

export interface ModelThreadEvents {
  onLog(stream: 'stdout' | 'stderr', line: string): void
  /** The call is settled, and the next may come. */
  onFree(): void
  /** Once, when it ended without having been told to, after it was ready. It is not to be called any more. */
  onDeath(death: Death): void
  /** @param computeMs - Time in the thread. */
  onAnswer(rows: number, computeMs: number): void
}

interface Call {
  resolve(outputs: readonly Column[]): void
  reject(error: unknown): void
  /** The thread died before it began with the call: another one may have it. */
  again(): void
}

/** How often the memory of a thread is looked at while it computes. */
const MEMORY_WATCH_MS = 50
/**
 * V8's own limit stands this far above ours: it ends the whole process when one allocation, such as the doubling of a long list, passes it by more
 * than 16 MiB. Ours is kept from outside, by looking.
 */
const heapMbMax = (memoryMb: number) => 3 * memoryMb + 1024

/** How long a thread may take to unload its model before it is ended all the same. */
const END_MS_MAX = 10_000
const BYTES_PER_MIB = 2 ** 20
/** A timer of Node's holds no more; one that is given more ends at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * One thread with one copy of a model, from its start to its end, as its owner sees it. It takes one call at a time.
 * It holds the process only while it starts or computes.
 */
export class ModelThread {
  /** Resolves when the model is loaded. Rejects with what loading threw, or MW_MODEL_UNREADABLE when the thread did not live to tell. */
  readonly ready: Promise<void>
  /** Resolves when nothing is left of the thread. */
  readonly exited: Promise<void>
  readonly #options: ModelThreadOptions
  readonly #events: ModelThreadEvents
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #timer: NodeJS.Timeout | undefined
  readonly #memoryTimer: NodeJS.Timeout | undefined
  readonly #begun = new Int32Array(new SharedArrayBuffer(4))
  #sent = 0
  #loading: { resolve(): void; reject(error: unknown): void } | undefined
  #call: Call | undefined
  #dead = false
  #asking = false
  #whenEnded: (() => void) | undefined

  constructor(options: ModelThreadOptions, events: ModelThreadEvents) {
    const { task, threadFile, memoryMb, timeoutMs, loadTimeoutMs } = options
    this.#options = options
    this.#events = events
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#worker = new Worker(threadFile, {
      name: `model ${task.schema.name}`,
      workerData: { task, port: port2, begun: this.#begun } satisfies ThreadStart,
      transferList: [port2],
      execArgv: [],
      ...(memoryMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMbMax(memoryMb) } }),
    })
    this.#port.on('message', (reply: ThreadReply) => this.#hear(reply))
    this.#port.unref() // The worker alone holds the process, or not.
    this.#worker.on('error', (error: unknown) => this.#die(toDeath(error, memoryMb)))
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', (code) => {
        this.#die({ reason: 'crash', message: `its code ended the thread with process.exit(${code})`, cause: undefined })
        this.#port.close()
        clearInterval(this.#memoryTimer)
        clearTimeout(this.#timer)
        resolve()
      })
    })
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          this.#die({ reason: 'timeout', message: `it was not loaded after ${formatDuration(loadTimeoutMs)}`, cause: undefined })
        },
        Math.min(loadTimeoutMs, TIMER_MS_MAX),
      )
      const settled = () => {
        clearTimeout(timer)
        this.#loading = undefined
      }
      this.#loading = {
        resolve: () => {
          settled()
          this.#worker.unref()
          resolve()
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      }
    })
    if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#tooLate(), Math.min(timeoutMs, TIMER_MS_MAX)).unref()
    if (memoryMb !== undefined) this.#memoryTimer = setInterval(() => void this.#watchMemory(memoryMb), MEMORY_WATCH_MS).unref()
  }

  /** Sends one call; its end is told to `call`, and then by `onFree`. @param leftMs - Time until its deadline. */
  send(columns: Columns, leftMs: number | undefined, call: Call): void {
    const packed = pack(columns)
    this.#call = call
    this.#sent = (this.#sent + 1) | 0
    this.#timer?.refresh()
    this.#worker.ref()
    this.#port.postMessage({ kind: 'predict', columns: packed, leftMs } satisfies ThreadRequest, [packed.buffer])
  }

  /** Lets the model be unloaded, then ends the thread. Not while a call is under way. A thread that hangs in native code is left behind. */
  async end(): Promise<void> {
    if (!this.#dead) {
      this.#worker.ref()
      const ended = new Promise<void>((resolve) => {
        this.#whenEnded = resolve
      })
      this.#port.postMessage({ kind: 'end' } satisfies ThreadRequest)
      await within(END_MS_MAX, ended)
      this.#dead = true
      void this.#worker.terminate()
    }
    await within(END_MS_MAX, this.exited)
  }

  #hear(reply: ThreadReply): void {
    if (reply.kind === 'log') this.#events.onLog(reply.stream, reply.line)
    else if (this.#dead) return
    else if (reply.kind === 'ready') this.#loading?.resolve()
    else if (reply.kind === 'ended') this.#whenEnded?.()
    else if (reply.kind === 'unready') {
      this.#dead = true
      this.#loading?.reject(fromWireError(reply.error))
      void this.#worker.terminate()
    } else if (this.#call !== undefined) {
      this.#worker.unref()
      this.#settle(reply)
      this.#events.onFree()
    }
  }

  #settle(reply: Extract<ThreadReply, { kind: 'answer' | 'failed' }>): void {
    const call = this.#call
    this.#call = undefined
    if (reply.kind === 'failed') {
      call?.reject(fromWireError(reply.error))
      return
    }
    const { rows, values } = unpack(reply.columns)
    call?.resolve(values)
    this.#events.onAnswer(rows, reply.computeMs)
  }

  /** What has come and was not yet heard, for the event loop may have been busy elsewhere. */
  #takeRest(): ThreadReply[] {
    const rest: ThreadReply[] = []
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      rest.push(next.message as ThreadReply)
    }
    return rest
  }

  /** Asks the thread for its memory, which it tells also in the middle of a loop. */
  async #watchMemory(memoryMb: number): Promise<void> {
    if (this.#dead || this.#asking || (this.#call === undefined && this.#loading === undefined)) return
    this.#asking = true
    try {
      const { used_heap_size, external_memory } = await this.#worker.getHeapStatistics()
      const heldMb = (used_heap_size + external_memory) / BYTES_PER_MIB
      if (heldMb > memoryMb) this.#die(toMemoryDeath(memoryMb, `it held ${Math.round(heldMb)} MiB`, undefined))
    } catch {
      // It has not begun, or has ended: its other events say so.
    } finally {
      this.#asking = false
    }
  }

  #tooLate(): void {
    const late = this.#call
    for (const reply of this.#takeRest()) this.#hear(reply)
    if (late === undefined || this.#call !== late) return
    const message = `a call took longer than ${formatDuration(this.#options.timeoutMs!)}`
    this.#die({ reason: 'timeout', message, cause: undefined })
  }

  #die(death: Death): void {
    if (this.#dead) return
    this.#dead = true
    void this.#worker.terminate()
    let loadError: Error | undefined
    for (const reply of this.#takeRest()) {
      if (reply.kind === 'log') this.#events.onLog(reply.stream, reply.line)
      if (reply.kind === 'unready') loadError = fromWireError(reply.error)
      if (reply.kind === 'answer' || reply.kind === 'failed') this.#settle(reply) // It answered, and died then.
    }
    const { modelPath } = this.#options.task
    if (this.#whenEnded !== undefined)
      this.#whenEnded() // It was to end anyway.
    else if (this.#loading !== undefined) {
      const { message, cause } = death
      this.#loading.reject(loadError ?? runtimeErrors.MW_MODEL_UNREADABLE(`${modelPath} cannot be loaded: ${message}`, { cause }))
    } else {
      const call = this.#call
      this.#call = undefined
      if (Atomics.load(this.#begun, 0) === this.#sent) call?.reject(toError(death, modelPath))
      else call?.again()
      this.#events.onDeath(death)
    }
  }
}

/** Waits for something, though not for ever. */
async function within(waitMs: number, promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  await Promise.race([
    promise,
    new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMs)
    }),
  ])
  clearTimeout(timer)
}

const toMemoryDeath = (memoryMb: number, what: string, cause: unknown): Death => ({
  reason: 'memory',
  message: `${what}, more than its memory_max of ${memoryMb} MiB`,
  cause,
})

function toDeath(error: unknown, memoryMb: number | undefined): Death {
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return toMemoryDeath(memoryMb ?? 0, 'its heap was full', error)
  }
  const name = error instanceof Error ? `${error.name}: ` : ''
  return { reason: 'crash', message: `an error outside of any call ended the thread: ${name}${messageOf(error)}`, cause: error }
}

function toError({ reason, message, cause }: Death, modelPath: string): Error {
  const code = reason === 'timeout' ? 'MW_MODEL_TIMEOUT' : 'MW_MODEL_DIED'
  return runtimeErrors[code](`${modelPath}: ${message}`, { cause })
}
