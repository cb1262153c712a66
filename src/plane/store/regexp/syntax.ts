import { storeErrors } from '../errors.ts'
import type { CodeSet } from './code-set.ts'

/** A regular expression as a tree. */
export type Node =
  | { readonly kind: 'empty' }
  /** One code point, as it stands. */
  | { readonly kind: 'literal'; readonly code: number }
  /** One code point out of a set. */
  | { readonly kind: 'set'; readonly set: CodeSet }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'group'; readonly node: Node; readonly index: number }
  | { readonly kind: 'concat'; readonly parts: readonly Node[] }
  | { readonly kind: 'alternation'; readonly branches: readonly Node[] }
  | { readonly kind: 'repeat'; readonly node: Node; readonly min: number; readonly max: number; readonly greedy: boolean }

/** What holds between two code points. */
export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'wordBoundary' | 'noWordBoundary'

/** A pattern as it was read. */
export interface Syntax {
  readonly node: Node
  /** Names of the groups, by number; '' for one without a name, and for the whole match. */
  readonly groupNames: readonly string[]
}

/** RE2 refuses the pattern. @param fragment - The part of it that is wrong, which may be all. */
export function malformed(fragment: string, reason: string) {
  return storeErrors.MW_STORE_MATCHER(`error parsing regexp: ${reason}: \`${shortened(fragment)}\``)
}

/** RE2 might take the pattern, we do not. */
export function unsupported(pattern: string, reason: string) {
  return storeErrors.MW_STORE_MATCHER_UNSUPPORTED(`regular expression ${JSON.stringify(shortened(pattern))}: ${reason}`)
}

/** Most of a pattern that an error message repeats. */
const SHOWN_MAX = 200

function shortened(pattern: string): string {
  return pattern.length <= SHOWN_MAX ? pattern : `${pattern.slice(0, SHOWN_MAX)}…`
}
