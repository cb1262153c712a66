const LF = 10

/**
 * Commands of an append-only file, in their order: arrays of texts in the protocol of Redis (https://redis.io/docs/latest/develop/reference/protocol-spec/).
 * @throws for anything else. What was cut off at the end is left out.
 */
export async function* readCommands(chunks: AsyncIterable<Buffer>): AsyncGenerator<string[]> {
  let held: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    let at = 0
    for (;;) {
      const read = readCommand(held, at)
      if (read === undefined) break
      at = read.end
      yield read.words
    }
    held = held.subarray(at)
  }
}

function readCommand(bytes: Buffer, from: number): { words: string[]; end: number } | undefined {
  const head = readNumber(bytes, from, '*')
  if (head === undefined) return undefined
  const words: string[] = []
  let at = head.end
  for (let i = 0; i < head.value; i++) {
    const size = readNumber(bytes, at, '$')
    if (size === undefined || bytes.length < size.end + size.value + 2) return undefined
    words.push(bytes.toString('utf8', size.end, size.end + size.value))
    at = size.end + size.value + 2
  }
  return { words, end: at }
}

/** `*3\r\n`, `$5\r\n`. */
function readNumber(bytes: Buffer, from: number, mark: '*' | '$'): { value: number; end: number } | undefined {
  const lineEnd = bytes.indexOf(LF, from)
  if (lineEnd < 0) return undefined
  const line = bytes.toString('latin1', from, lineEnd - 1)
  if (line[0] !== mark || !/^\d+$/.test(line.slice(1)))
    throw new Error(`no command of Redis at byte ${from}: ${JSON.stringify(line.slice(0, 60))}`)
  return { value: Number(line.slice(1)), end: lineEnd + 1 }
}
