/** JSON.rawJSON of ECMAScript 2026: a number as it is to be written, digit for digit. Not among the types of the standard library yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }

/** A 64-bit integer as JSON.stringify writes it whole. */
export const toBareInteger = (value: bigint): unknown => rawJSON(value.toString())

/** Digits that may be more than a double holds. */
const longNumber = /\d{16}/

/**
 * Reads JSON as servers write it. NaN and Infinity, which Python writes and JSON does not have, are read as null and as a number that is not finite.
 * @param wide - Integers beyond ±(2^53 − 1) are read as bigint, without loss.
 * @throws {SyntaxError} when it is not JSON.
 */
export function parseAnswer(text: string, { wide }: { wide: boolean }): unknown {
  const keep = wide && longNumber.test(text) ? keepIntegers : undefined
  try {
    return JSON.parse(text, keep as Reviver)
  } catch (error) {
    if (!text.includes('NaN') && !text.includes('Infinity')) throw error
    return JSON.parse(replaceWords(text), keep as Reviver)
  }
}

type Reviver = ((key: string, value: unknown) => unknown) | undefined

function keepIntegers(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || context.source === undefined) return value
  return /^-?\d+$/.test(context.source) ? BigInt(context.source) : value
}

const stringOrWord = /"|-?\bInfinity\b|\bNaN\b/g
const words: Readonly<Record<string, string>> = { NaN: 'null', Infinity: '1e999', '-Infinity': '-1e999' }

/** The words outside of strings made into JSON. One pass, and no string is matched whole: it may be a picture of megabytes. */
function replaceWords(text: string): string {
  const parts: string[] = []
  let kept = 0
  const scan = new RegExp(stringOrWord)
  for (let found = scan.exec(text); found !== null; found = scan.exec(text)) {
    const [word] = found
    if (word === '"') {
      scan.lastIndex = stringEnd(text, found.index)
      continue
    }
    parts.push(text.slice(kept, found.index), words[word]!)
    kept = found.index + word.length
  }
  return parts.join('') + text.slice(kept)
}

/** The position behind the string that begins here; the end of the text when it never ends. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text[at - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return at + 1
  }
  return text.length
}
