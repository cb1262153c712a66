import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/** Longest piece of a line that is told of at once. */
const LINE_LENGTH_MAX = 8192

/** Tells the lines of a stream, without their ends; what stands behind the last one when the stream ends is a line too. Empty lines are passed over. */
export function onLines(stream: Readable, tell: (line: string) => void): void {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  const say = (line: string) => {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line
    for (let at = 0; at < text.length; at += LINE_LENGTH_MAX) tell(text.slice(at, at + LINE_LENGTH_MAX))
  }
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop()!
    for (const line of lines) say(line)
    if (rest.length >= LINE_LENGTH_MAX) {
      say(rest)
      rest = ''
    }
  })
  stream.on('end', () => say(rest + decoder.end()))
}
