// A process of its own that sends predictions and tasks to a gateway, at a steady rate or as fast as they are answered, and counts what comes back.
// Raw sockets: the client must cost less than the server it loads.
import { connect, type Socket } from 'node:net'

export interface SoakLoad {
  readonly kind: 'start'
  readonly url: string
  readonly model: string
  /** One row, as JSON. */
  readonly row: string
  readonly connections: number
  /** Predictions and submissions together; 0: as fast as they are answered. */
  readonly perSecond: number
  /** Each how many-th of them is a task. */
  readonly taskEvery: number
  /** Each how many-th task is waited for. */
  readonly waitEvery: number
}

/** What was counted since the last report. */
export interface SoakReport {
  readonly kind: 'report'
  readonly predictions: number
  readonly tasks: number
  readonly waited: number
  /** By what was wrong: a status, a task that was not done, a connection that broke. */
  readonly errors: Readonly<Record<string, number>>
  /** From when a prediction was due until its answer was there. */
  readonly p50Ms: number
  readonly p99Ms: number
}

interface Call {
  readonly bytes: string
  readonly kind: 'predict' | 'submit' | 'wait'
  readonly dueMs: number
}

const TURN_MS = 2
/** Calls that are due and have no connection; more than that is no steady rate any more. */
const CALLS_WAITING_MAX = 20_000
const STATUS = { predict: 200, submit: 202, wait: 200 }

class Client {
  readonly #load: SoakLoad
  readonly #connections: readonly Connection[]
  readonly #free: Connection[]
  readonly #requests: { readonly predict: string; readonly submit: string }
  readonly #turn: NodeJS.Timeout
  #waiting: Call[] = []
  #counts = newCounts()
  #sent = 0
  #submitted = 0
  #isOver = false

  constructor(load: SoakLoad) {
    this.#load = load
    const { host } = new URL(load.url)
    const post = (path: string) =>
      `POST /v1/models/${load.model}/${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(load.row)}\r\n\r\n${load.row}`
    this.#requests = { predict: post('predict'), submit: post('tasks') }
    this.#connections = Array.from({ length: load.connections }, () => new Connection(load.url, this))
    this.#free = [...this.#connections]
    let dueMs = performance.now()
    this.#turn = setInterval(() => {
      if (load.perSecond === 0) {
        while (this.#free.length > 0) this.#give(this.#next(performance.now()))
        return
      }
      for (const nowMs = performance.now(); dueMs <= nowMs; dueMs += 1000 / load.perSecond) this.#give(this.#next(dueMs))
    }, TURN_MS)
  }

  report(): SoakReport {
    const { latenciesMs, ...counts } = this.#counts
    this.#counts = newCounts()
    const sorted = Float64Array.from(latenciesMs).sort()
    const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? Number.NaN
    return { kind: 'report', ...counts, p50Ms: at(0.5), p99Ms: at(0.99) }
  }

  /** No more is sent; what is under way is still counted. */
  stop(): void {
    this.#isOver = true
    clearInterval(this.#turn)
    this.#waiting = []
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  onAnswer(connection: Connection, call: Call, status: number, body: string): void {
    if (status !== STATUS[call.kind]) this.onFault(`${call.kind} answered ${status}`)
    else if (call.kind === 'predict') {
      this.#counts.predictions++
      this.#counts.latenciesMs.push(performance.now() - call.dueMs)
    } else if (call.kind === 'submit') {
      this.#counts.tasks++
      if (this.#submitted++ % this.#load.waitEvery === 0) {
        const [, id] = /"task_id":"([^"]+)"/.exec(body)!
        const path = `/v1/models/${this.#load.model}/tasks/${id}?wait=30s`
        connection.send({ kind: 'wait', bytes: `GET ${path} HTTP/1.1\r\nhost: soak\r\n\r\n`, dueMs: performance.now() })
        return
      }
    } else if (body.includes('"state":"done"')) this.#counts.waited++
    else this.onFault('a task was not done within 30 s')
    this.onFree(connection)
  }

  onFree(connection: Connection): void {
    const call = this.#waiting.shift()
    if (call !== undefined) connection.send(call)
    else if (this.#load.perSecond === 0 && !this.#isOver) connection.send(this.#next(performance.now()))
    else this.#free.push(connection)
  }

  onFault(what: string): void {
    this.#counts.errors[what] = (this.#counts.errors[what] ?? 0) + 1
  }

  #next(dueMs: number): Call {
    const kind = this.#sent++ % this.#load.taskEvery === 0 ? 'submit' : 'predict'
    return { kind, bytes: this.#requests[kind], dueMs }
  }

  #give(call: Call): void {
    const connection = this.#free.shift() // The one that was idle longest: none is idle until the gateway gives it up.
    if (connection !== undefined) connection.send(call)
    else if (this.#waiting.length < CALLS_WAITING_MAX) this.#waiting.push(call)
    else this.onFault('no connection was free')
  }
}

/** One connection, and the call that is under way on it. One that breaks is made anew. */
class Connection {
  readonly #url: URL
  readonly #client: Client
  #socket: Socket
  #call: Call | undefined
  #text = ''
  #isClosed = false

  constructor(url: string, client: Client) {
    this.#url = new URL(url)
    this.#client = client
    this.#socket = this.#dial()
  }

  send(call: Call): void {
    this.#call = call
    this.#socket.write(call.bytes)
  }

  close(): void {
    this.#isClosed = true
    this.#socket.destroy()
  }

  #dial(): Socket {
    const socket = connect(Number(this.#url.port), this.#url.hostname).setNoDelay().setEncoding('latin1')
    socket.on('data', (chunk) => this.#read(String(chunk)))
    socket.on('error', () => {}) // Told of when it closes.
    socket.on('close', () => {
      if (this.#isClosed) return
      const call = this.#call
      this.#call = undefined
      this.#text = ''
      this.#socket = this.#dial()
      if (call === undefined) return // The gateway may close one that is idle.
      this.#client.onFault(`a connection broke during ${call.kind}`)
      this.#client.onFree(this)
    })
    return socket
  }

  #read(chunk: string): void {
    if (this.#call === undefined) return // Its last word before it closes a connection on which nothing came for long.
    this.#text += chunk
    const head = this.#text.indexOf('\r\n\r\n')
    if (head === -1) return
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text)?.[1] ?? 0)
    if (this.#text.length < head + 4 + length) return
    const [status, body, call] = [Number(this.#text.slice(9, 12)), this.#text.slice(head + 4), this.#call]
    this.#text = ''
    this.#call = undefined
    this.#client.onAnswer(this, call, status, body)
  }
}

const newCounts = () => ({ predictions: 0, tasks: 0, waited: 0, errors: {} as Record<string, number>, latenciesMs: [] as number[] })

let client: Client | undefined
process.on('message', (message: SoakLoad | { readonly kind: 'report' } | { readonly kind: 'stop' }) => {
  if (message.kind === 'start') {
    client?.close()
    client = new Client(message)
  } else if (message.kind === 'stop') client!.stop()
  else process.send!(client!.report())
})
process.once('disconnect', () => process.exit())
