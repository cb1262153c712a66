import type { WriteStream } from 'node:tty'

export interface Progress {
  /** One more of them has ended. */
  step(failed: boolean): void
  /** Ends the line, so that others can follow. */
  end(): void
}

const WIDTH = 30
/** Where nobody looks at a bar, as in a log, a line tells of each tenth. */
const LINES_MAX = 10

/** A bar over `total` things, drawn anew at each step; lines in its place where the stream is no terminal. */
export function createProgress(total: number, stream: Pick<WriteStream, 'isTTY' | 'write'>): Progress {
  let done = 0
  let failures = 0
  const draw = () => {
    const filled = Math.round((done / total) * WIDTH)
    const bar = `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)}`
    const told = `${done} of ${total}${failures === 0 ? '' : `, ${failures} failed`}`
    stream.write(stream.isTTY ? `\r${bar}  ${told}\u001b[K` : `${told}\n`)
  }
  if (stream.isTTY) draw()
  return {
    step(failed) {
      const tenths = Math.floor((done / total) * LINES_MAX)
      done++
      if (failed) failures++
      if (stream.isTTY || Math.floor((done / total) * LINES_MAX) > tenths) draw()
    },
    end() {
      if (stream.isTTY) stream.write('\n')
    },
  }
}
