import { randomBytes } from 'node:crypto'
import { parseJsonBody, stringEnd } from '../json-body.ts'

/** JSON.rawJSON of ECMAScript 2026: text that JSON.stringify writes as it is. Not among the types of the standard library yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }

/** An integer of so many digits may be more than a double holds. A fraction has as many digits every day; most bodies have neither, which is seen thirty times as fast. */
const longDigits = /\d{16}/
const longInteger = /(?<![\d.])\d{16,}(?![\d.eE])/
/** As many digits as 64 bits have, and a sign, where JSON has its values; longer ones are no value of any tensor, and would take long to read. */
const wideIntegers = /(?<=[[,:\s])-?[1-9]\d{15,19}(?=\s*[,\]}])/g
const DIGITS_MIN = 16
/** What integers are carried through the parser behind. Nobody outside knows it, so no client's string begins with it. */
const mark = `int ${randomBytes(12).toString('hex')} `
/** Lists in a request are no deeper: the request, its inputs, an input, its data, and the dimensions of these. What lies deeper is refused anyway. */
const DEPTH_MAX = 24

/**
 * Reads a JSON body in which integers beyond ±(2^53 − 1) are bigint, without loss; everything else as `parseJsonBody` does.
 * Only a body with a long integer in it pays for that. Not by a reviver, which takes ten times as long as the parser itself.
 * @throws MW_BODY_INVALID when it is not JSON.
 */
export function parseWideBody(body: string): unknown {
  if (!longDigits.test(body) || !longInteger.test(body)) return parseJsonBody(body)
  const marked = markIntegers(body)
  try {
    return unmark(JSON.parse(marked), 0)
  } catch {
    return parseJsonBody(body) // Tells what is wrong, or reads the words that Python writes for what is no number: such a request is refused anyway.
  }
}

/** The text with wide integers, outside of strings, made into marked strings. One pass, for the text is a stranger's. */
function markIntegers(text: string): string {
  const parts: string[] = []
  let kept = 0
  for (let i = 0; i < text.length; ) {
    const quote = text.indexOf('"', i)
    const end = quote < 0 ? text.length : quote
    if (end - i >= DIGITS_MIN) {
      parts.push(text.slice(kept, i), text.slice(i, end).replace(wideIntegers, `"${mark}$&"`))
      kept = end
    }
    if (quote < 0) break
    i = stringEnd(text, quote)
    if (i < 0) break // The parser says so.
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(kept)
}

/** Makes marked strings integers again, in place. */
function unmark(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.startsWith(mark) ? toInteger(value.slice(mark.length)) : value
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return value
  const entries = value as Record<string, unknown>
  if (Array.isArray(value)) for (let i = 0; i < value.length; i++) value[i] = unmark(value[i], depth + 1)
  else for (const key of Object.keys(entries)) setOwn(entries, key, unmark(entries[key], depth + 1))
  return value
}

/** Not by assignment alone: `__proto__` is a key like any other in JSON, and a setter in an assignment. */
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') object[key] = value
}

function toInteger(digits: string): number | bigint {
  const number = Number(digits)
  return Number.isSafeInteger(number) ? number : BigInt(digits)
}

/** An integer as JSON.stringify writes it with all its digits. */
export function toWholeInteger(value: bigint): unknown {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : rawJSON(String(value))
}
