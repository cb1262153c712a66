import { findSlots } from './regexp/captures.ts'
import { parseRegExp } from './regexp/parse.ts'
import { compileProgram, type Program } from './regexp/program.ts'
import { findShortcut } from './regexp/shortcut.ts'
import { StateMachine } from './regexp/states.ts'
import { Steps } from './regexp/steps.ts'
import { unsupported } from './regexp/syntax.ts'

/** Longest pattern accepted, in UTF-16 units; room for an alternation of some thousand names. */
export const REGEXP_LENGTH_MAX = 65_536
/** Most steps one expression may take over all texts: some tenths of a second, as a store is read in one go. */
export const REGEXP_STEPS_MAX = 30_000_000

/** A regular expression that must match the whole text. Made for one query, as it may take only so many steps in its life. */
export interface AnchoredRegExp {
  /** @throws MW_STORE_SELECT_LIMIT when the expression took more than its steps. */
  test(text: string): boolean
  /**
   * What the groups caught: the whole text first, '' for a group that took no part; undefined when the text does not match.
   * @throws MW_STORE_SELECT_LIMIT as above.
   */
  match(text: string): readonly string[] | undefined
  /** Names of the groups, by number; '' for one without a name, and for the whole match. */
  readonly groupNames: readonly string[]
  /** All texts that match, where the expression is no more than a list of them. */
  readonly literals?: ReadonlySet<string>
  /** Steps taken so far. */
  readonly steps: number
}

export interface RegExpOptions {
  /** REGEXP_STEPS_MAX by default. */
  readonly stepsMax?: number
}

/**
 * Compiles RE2 syntax (that of Prometheus): anchored at both ends, `.` also matches a newline, text is matched by code point.
 *
 * ```text
 *   pattern → tree → a list of texts, a prefix, a suffix…       most expressions: no machine is needed
 *                  → program → states, remembered               does it match? in time linear in the text
 *                            → ways in order of preference      what did the groups catch? linear as well
 * ```
 * JavaScript's own expressions try one way after the other, and ten `.*` in a row take minutes for one short name.
 *
 * @throws MW_STORE_MATCHER where RE2 would refuse the pattern; MW_STORE_MATCHER_UNSUPPORTED where it is too large.
 * @see https://github.com/google/re2/wiki/Syntax
 */
export function compileRegExp(pattern: string, { stepsMax = REGEXP_STEPS_MAX }: RegExpOptions = {}): AnchoredRegExp {
  if (pattern.length > REGEXP_LENGTH_MAX)
    throw unsupported(pattern, `it has ${pattern.length} characters; at most ${REGEXP_LENGTH_MAX} are accepted`)
  const syntax = parseRegExp(pattern)
  const shortcut = findShortcut(syntax.node)
  const steps = new Steps(stepsMax)
  let program: Program | undefined
  const compiled = () => {
    program ??= compileProgram(pattern, syntax)
    return program
  }
  const machine = shortcut ?? new StateMachine(compiled(), steps)
  return {
    groupNames: syntax.groupNames,
    ...(shortcut?.literals !== undefined && { literals: shortcut.literals }),
    get steps() {
      return steps.used
    },
    test: (text) => machine.test(text),
    match(text) {
      if (!machine.test(text)) return undefined
      if (syntax.groupNames.length === 1) return [text]
      const slots = findSlots(compiled(), text, steps)!
      return syntax.groupNames.map((_, group) =>
        group === 0 ? text : slots[group * 2]! < 0 ? '' : text.slice(slots[group * 2]!, slots[group * 2 + 1]!),
      )
    },
  }
}
