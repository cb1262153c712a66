import { messageOf } from '../../core/errors.ts'
import { servingErrors } from './errors.ts'

/** Strings, which are kept, or the three words that Python writes for numbers that JSON does not have. */
const notNumbers = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g

/** A JSON literal that is read as Infinity: the reader then refuses the value by row and field, as not finite. */
const NOT_FINITE = '1e999'

/**
 * Reads a JSON body. NaN and Infinity, which are not JSON but are what many clients send, are read as numbers that are not finite, so that
 * the answer can name row and field.
 * @throws MW_BODY_INVALID when it is not JSON.
 */
export function parseJsonBody(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const replaced = text.replace(notNumbers, (word) => (word.startsWith('"') ? word : NOT_FINITE))
    if (replaced !== text) {
      try {
        return JSON.parse(replaced)
      } catch {
        // Told below, with the place in the client's own text.
      }
    }
    throw servingErrors.MW_BODY_INVALID(`the body is not JSON: ${messageOf(error)}`, { cause: error })
  }
}
