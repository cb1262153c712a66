import { StringDecoder } from 'node:string_decoder'

export type OutputName = 'stdout' | 'stderr'

/** Longest piece of a line that is told of at once. */
const LINE_LENGTH_MAX = 8192
/** Most lines told of in a second; what is beyond is counted, and the count told with the next line. */
export const LINES_MAX = 200
const WINDOW_MS = 1000

/**
 * Takes what the code of this thread prints, and tells it line by line, without their ends. Node's own way of handing on a thread's output
 * would hold the process for as long as the thread lives, and would mix it with the log.
 */
export function captureOutput(tell: (name: OutputName, line: string) => void): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const lines = new LineSplitter(limited((line) => tell(name, line)))
    type Done = (error?: Error | null) => void
    process[name].write = (chunk: string | Uint8Array, encoding?: BufferEncoding | Done, done?: Done) => {
      lines.write(typeof chunk === 'string' ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8') : chunk)
      const callback = typeof encoding === 'function' ? encoding : done
      if (callback !== undefined) process.nextTick(callback)
      return true
    }
    process.on('exit', () => lines.end())
  }
}

/** Cuts bytes of UTF-8 into lines. Empty lines are passed over; long ones come in pieces. */
export class LineSplitter {
  readonly #tell: (line: string) => void
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''

  constructor(tell: (line: string) => void) {
    this.#tell = tell
  }

  write(chunk: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n')
    this.#rest = lines.pop()!
    for (const line of lines) this.#say(line)
    if (this.#rest.length < LINE_LENGTH_MAX) return
    this.#say(this.#rest)
    this.#rest = ''
  }

  /** What stands behind the last line end is a line too. */
  end(): void {
    this.#say(this.#rest + this.#decoder.end())
    this.#rest = ''
  }

  #say(line: string): void {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line
    for (let at = 0; at < text.length; at += LINE_LENGTH_MAX) this.#tell(text.slice(at, at + LINE_LENGTH_MAX))
  }
}

/** Tells at most `LINES_MAX` lines a second, and how many were not told. */
export function limited(tell: (line: string) => void): (line: string) => void {
  let windowMs = 0
  let told = 0
  let dropped = 0
  return (line) => {
    const nowMs = performance.now()
    if (nowMs - windowMs >= WINDOW_MS) {
      windowMs = nowMs
      told = 0
    }
    if (told === LINES_MAX) {
      dropped++
      return
    }
    if (dropped > 0) tell(`(${dropped} lines more; at most ${LINES_MAX} a second are told)`)
    dropped = 0
    told++
    tell(line)
  }
}
