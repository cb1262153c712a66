import { messageOf } from '../../../core/errors.ts'
import { gatewayErrors } from './errors.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Words that Python writes for numbers which JSON does not have. */
const notNumbers = ['-Infinity', 'Infinity', 'NaN'] as const
/** A JSON literal that is read as Infinity: the reader then refuses the value by row and field, as not finite. */
const NOT_FINITE = '1e999'
const BYTE_ORDER_MARK = '\ufeff'

/**
 * Reads a JSON body. NaN and Infinity, which are not JSON but are what many clients send, are read as numbers that are not finite, so that
 * the answer can name row and field. Of a key that stands twice in one object the last one counts, as JSON.parse has it.
 * @throws MW_BODY_INVALID when it is not JSON.
 */
export function parseJsonBody(body: string): unknown {
  const text = body.startsWith(BYTE_ORDER_MARK) ? body.slice(1) : body
  try {
    return JSON.parse(text)
  } catch (error) {
    const replaced = replaceNotNumbers(text)
    if (replaced !== undefined) {
      try {
        return JSON.parse(replaced)
      } catch {
        // Told below, with the place in the client's own text.
      }
    }
    throw gatewayErrors.MW_BODY_INVALID(`the body is not JSON: ${messageOf(error)}`, {
      cause: error,
      hint: 'Send JSON as /docs shows it for this address.',
    })
  }
}

/**
 * The text with those words, outside of strings, made into numbers; undefined when there are none, or when a string never ends.
 * One pass, for the text is a stranger's.
 */
function replaceNotNumbers(text: string): string | undefined {
  if (!text.includes('NaN') && !text.includes('Infinity')) return undefined
  const parts: string[] = []
  let kept = 0
  for (let i = 0; i < text.length; ) {
    if (text.charCodeAt(i) === QUOTE) {
      i = stringEnd(text, i)
      if (i < 0) return undefined
      continue
    }
    const word = notNumbers.find((candidate) => text.startsWith(candidate, i))
    if (word === undefined) {
      i++
      continue
    }
    parts.push(text.slice(kept, i), NOT_FINITE)
    i += word.length
    kept = i
  }
  return parts.length === 0 ? undefined : parts.join('') + text.slice(kept)
}

/** The position behind the string that begins here, or -1. */
export function stringEnd(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === BACKSLASH) i++
    else if (code === QUOTE) return i + 1
  }
  return -1
}
