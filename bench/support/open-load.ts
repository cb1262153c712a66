// A process of its own that sends requests at times that do not depend on the answers, over plain sockets: a full HTTP client would be
// slower than the server. A request that finds no free connection waits for one, as in any client with a pool, and gives up when its
// patience is at an end.
import { connect, type Socket } from 'node:net'
import { createRandom, type Random } from '../../src/core/random.ts'

export interface OpenLoad {
  readonly url: string
  readonly path: string
  readonly body: string
  /** Mean of the arrivals a second, exponential gaps; 0: each connection sends as soon as it is answered. */
  readonly perSecond: number
  readonly connections: number
  readonly seconds: number
  /** Not counted, at the beginning. */
  readonly warmUpSeconds: number
  /** How long a request waits for a connection, and says that it waits for its answer. */
  readonly patienceMs: number
  readonly seed: number
}

export interface OpenResult {
  /** Answered with 200, a second. */
  readonly goodput: number
  /** Requests that were due, a second. */
  readonly offered: number
  /** Shares of those that were due: answered 503; answered 504 or not at all; never sent, for no connection became free in time. */
  readonly refused: number
  readonly late: number
  readonly gaveUp: number
  /** Of those answered with 200, from the moment they were due. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of the client's core. Near 1 the client is what is measured. */
  readonly clientBusy: number
}

const CONTENT_LENGTH = /content-length: (\d+)/i
/** Gaps of the open load come from one clock look each turn; turns take at most this long when there is nothing else to do. */
const TURN_MS = 1

class Connection {
  dueMs = Number.NaN
  #socket: Socket
  #text = ''
  #wanted = 0
  readonly #open: () => Socket
  readonly #onAnswer: (connection: Connection, status: number) => void

  constructor(open: () => Socket, onAnswer: (connection: Connection, status: number) => void) {
    this.#open = open
    this.#onAnswer = onAnswer
    this.#socket = this.#connect()
  }

  send(request: string, dueMs: number): void {
    this.dueMs = dueMs
    this.#socket.write(request)
  }

  end(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #connect(): Socket {
    const socket = this.#open()
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => this.#read(chunk))
    socket.on('error', () => {}) // Its close follows.
    socket.once('close', () => {
      this.#text = ''
      this.#wanted = 0
      this.#socket = this.#connect()
      if (!Number.isNaN(this.dueMs)) this.#onAnswer(this, 0)
    })
    return socket
  }

  #read(chunk: string): void {
    this.#text += chunk
    if (this.#wanted === 0) {
      const head = this.#text.indexOf('\r\n\r\n')
      if (head === -1) return
      this.#wanted = head + 4 + Number(CONTENT_LENGTH.exec(this.#text)?.[1] ?? 0)
    }
    if (this.#text.length < this.#wanted) return
    const status = Number(this.#text.slice(9, 12))
    this.#text = ''
    this.#wanted = 0
    this.#onAnswer(this, status)
  }
}

async function run(load: OpenLoad): Promise<OpenResult> {
  const { hostname, port } = new URL(load.url)
  const lines = [
    `POST ${load.path} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    'Content-Type: application/json',
    `Request-Timeout: ${load.patienceMs}ms`,
    `Content-Length: ${Buffer.byteLength(load.body)}`,
  ]
  const request = `${lines.join('\r\n')}\r\n\r\n${load.body}`
  const random: Random = createRandom(load.seed)
  const startMs = performance.now()
  const countsMs = startMs + load.warmUpSeconds * 1000
  const endMs = countsMs + load.seconds * 1000
  const counts = { due: 0, good: 0, refused: 0, late: 0, gaveUp: 0 }
  const latenciesMs: number[] = []
  /** Times at which those without a connection were due. Patience bounds it. */
  let waiting: number[] = []
  let head = 0
  let isOver = false
  const free: Connection[] = []

  const next = (connection: Connection) => {
    connection.dueMs = Number.NaN
    if (isOver) return
    const nowMs = performance.now()
    if (load.perSecond === 0) {
      if (nowMs >= countsMs) counts.due++
      connection.send(request, nowMs)
      return
    }
    while (head < waiting.length) {
      const dueMs = waiting[head++]!
      if (head > 4096) {
        waiting = waiting.slice(head)
        head = 0
      }
      if (nowMs - dueMs <= load.patienceMs) {
        connection.send(request, dueMs)
        return
      }
      if (dueMs >= countsMs) counts.gaveUp++
    }
    free.push(connection)
  }
  const onAnswer = (connection: Connection, status: number) => {
    const { dueMs } = connection
    if (dueMs >= countsMs && !isOver) {
      if (status === 200) {
        counts.good++
        latenciesMs.push(performance.now() - dueMs)
      } else if (status === 503) counts.refused++
      else if (status === 504 || status === 0) counts.late++
      else throw new Error(`answered with ${status}`)
    }
    next(connection)
  }
  const connections = Array.from(
    { length: load.connections },
    () => new Connection(() => connect({ host: hostname, port: Number(port) }), onAnswer),
  )
  for (const connection of connections) next(connection)

  const cpu = process.cpuUsage()
  let dueMs = startMs
  await new Promise<void>((resolve) => {
    const turn = () => {
      const nowMs = performance.now()
      if (nowMs >= endMs) {
        resolve()
        return
      }
      while (load.perSecond > 0 && dueMs <= nowMs) {
        if (dueMs >= countsMs) counts.due++
        const connection = free.pop()
        if (connection === undefined) waiting.push(dueMs)
        else connection.send(request, dueMs)
        dueMs += (-Math.log(1 - random()) * 1000) / load.perSecond
      }
      setTimeout(turn, TURN_MS)
    }
    turn()
  })
  isOver = true
  const { user, system } = process.cpuUsage(cpu)
  for (const connection of connections) connection.end()
  const sorted = Float64Array.from(latenciesMs).sort()
  const share = (count: number) => count / Math.max(1, counts.due)
  return {
    goodput: counts.good / load.seconds,
    offered: counts.due / load.seconds,
    refused: share(counts.refused),
    late: share(counts.late),
    gaveUp: share(counts.gaveUp),
    p50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN,
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
    clientBusy: (user + system) / 1000 / (endMs - startMs),
  }
}

process.on('message', (load: OpenLoad) => void run(load).then((result) => process.send!(result)))
process.once('disconnect', () => process.exit())
