import { parseJsonBody } from '../json-body.ts'

/** JSON.rawJSON of ECMAScript 2026: text that JSON.stringify writes as it is. Not among the types of the standard library yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown }

/** An integer of so many digits may be more than a double holds. A fraction has as many digits every day. */
const longInteger = /(?<![\d.])\d{16,}(?![\d.eE])/
/** As many digits as 64 bits have, and a sign; longer ones are no value of any tensor, and would take long to read. */
const integer = /^-?\d{16,20}$/

/**
 * Reads a JSON body in which integers beyond ±(2^53 − 1) are bigint, without loss; everything else as `parseJsonBody` does.
 * Only a body with a long integer in it pays for that.
 * @throws MW_BODY_INVALID when it is not JSON.
 */
export function parseWideBody(body: string): unknown {
  if (!longInteger.test(body)) return parseJsonBody(body)
  try {
    return JSON.parse(body, keepInteger as (key: string, value: unknown) => unknown)
  } catch {
    return parseJsonBody(body) // Tells what is wrong, or reads the words that Python writes for what is no number: such a request is refused anyway.
  }
}

function keepInteger(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || context.source === undefined) return value
  return integer.test(context.source) ? BigInt(context.source) : value
}

/** An integer as JSON.stringify writes it with all its digits. */
export function toWholeInteger(value: bigint): unknown {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : rawJSON(String(value))
}
