import { assertNever } from '../../../core/errors.ts'
import type { Assertion } from './syntax.ts'

/** What an assertion can tell of the code point beside a place: nothing there, a newline, a letter of a word, or anything else. */
export type Neighbour = 0 | 1 | 2 | 3
export const noNeighbour: Neighbour = 0
const newline: Neighbour = 1
const word: Neighbour = 2
const other: Neighbour = 3

export function neighbourOf(code: number): Neighbour {
  if (code === 10) return newline
  const isWord = (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95
  return isWord ? word : other
}

/** Whether an assertion holds between two neighbours. */
export function holds(assertion: Assertion, before: Neighbour, after: Neighbour): boolean {
  switch (assertion) {
    case 'textStart':
      return before === noNeighbour
    case 'textEnd':
      return after === noNeighbour
    case 'lineStart':
      return before === noNeighbour || before === newline
    case 'lineEnd':
      return after === noNeighbour || after === newline
    case 'wordBoundary':
      return (before === word) !== (after === word)
    case 'noWordBoundary':
      return (before === word) === (after === word)
    default:
      return assertNever(assertion)
  }
}
