import { storeErrors } from './errors.ts'

/** Longest pattern accepted, in UTF-16 units. */
export const REGEXP_LENGTH_MAX = 4096
/** Most choices (`*`, `+`, `?`, `{n,m}`, a group with `|`) that may follow each other on one path through a pattern. */
export const REGEXP_CHOICES_MAX = 12
/** RE2's own bound on `{n}`. */
const REPEAT_COUNT_MAX = 1000

/** A regular expression that must match the whole text. */
export interface AnchoredRegExp {
  test(text: string): boolean
  /** What the groups caught: the whole text first, '' for a group that took no part; undefined when the text does not match. */
  match(text: string): readonly string[] | undefined
  /** Names of the groups, by number; '' for one without a name, and for the whole match. */
  readonly groupNames: readonly string[]
}

/**
 * Compiles RE2 syntax (that of Prometheus) to a JavaScript expression: anchored at both ends, `.` also matches a newline, text is matched by
 * code point. RE2 runs in linear time and JavaScript tries one way after the other, so what could run away here is refused: the repetition of a
 * group that holds a choice, as in `(a+)*` or `(a|b)+`, and more than REGEXP_CHOICES_MAX choices in a row.
 *
 * @throws MW_STORE_MATCHER where RE2 would refuse the pattern; MW_STORE_MATCHER_UNSUPPORTED where only this translation does.
 * @see https://github.com/google/re2/wiki/Syntax
 */
export function compileRegExp(pattern: string): AnchoredRegExp {
  if (pattern.length > REGEXP_LENGTH_MAX) {
    throw storeErrors.MW_STORE_MATCHER_UNSUPPORTED(
      `regular expression of ${pattern.length} characters; at most ${REGEXP_LENGTH_MAX} are accepted`,
    )
  }
  const { source, groupNames } = new Translator(pattern).translate()
  let expression: RegExp
  try {
    expression = new RegExp(`^(?:${source})$`, 'v')
  } catch (cause) {
    throw storeErrors.MW_STORE_MATCHER_UNSUPPORTED(`regular expression ${JSON.stringify(pattern)} cannot be translated`, { cause })
  }
  return {
    groupNames,
    test: (text) => expression.test(text),
    match: (text) => expression.exec(text)?.map((group) => group ?? ''),
  }
}

interface Flags {
  readonly ignoreCase: boolean
  readonly multiLine: boolean
  readonly dotAll: boolean
}

interface Group {
  /** Flags to return to when the group ends. */
  readonly outer: Flags
  /** Open `(?i:` wrappers inside the group's current branch: RE2's `(?i)` holds to the group's end, JavaScript's only inside its parentheses. */
  wrappers: string[]
  /** Choices on the current branch, and on the finished branch that has most. */
  choices: number
  choicesOfBranches: number
  hasAlternatives: boolean
}

const shorthand: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Z_a-z', s: '\\t\\n\\f\\r\\x20' }
const posix: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7f',
  blank: '\\t\\x20',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  space: '\\t\\n\\v\\f\\r\\x20',
  upper: 'A-Z',
  word: '0-9A-Z_a-z',
  xdigit: '0-9A-Fa-f',
}
const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }
const generalCategory = /^(?:C[cfos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/

class Translator {
  readonly #pattern: string
  #at = 0
  #out = ''
  #flags: Flags = { ignoreCase: false, multiLine: false, dotAll: true }
  readonly #groupNames: string[] = ['']
  readonly #groups: Group[] = []

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  translate(): { source: string; groupNames: string[] } {
    this.#open('')
    while (this.#at < this.#pattern.length) this.#next()
    if (this.#groups.length > 1) this.#fail('missing closing )')
    this.#close('')
    return { source: this.#out, groupNames: this.#groupNames }
  }

  #next(): void {
    const at = this.#at
    const c = this.#take()
    if (c === '(') {
      this.#group()
      return
    }
    if (c === '|') {
      this.#alternative()
      return
    }
    if (c === ')') {
      if (this.#groups.length === 1) this.#fail('unexpected )')
      this.#repeat(this.#close(')'))
      return
    }
    if (c === '*' || c === '+' || c === '?' || (c === '{' && this.#countAt(at) !== undefined))
      this.#fail(`missing argument to repetition operator: \`${c}\``)
    if (c === '\\' && this.#pattern[this.#at] === 'Q') {
      this.#quoted()
      return
    }
    this.#out += this.#atom(c)
    this.#repeat(0)
  }

  #atom(c: string): string {
    switch (c) {
      case '.':
        return this.#flags.dotAll ? '[^]' : '[^\\n]'
      // Assertions are wrapped, because RE2 allows to repeat them and JavaScript does not.
      case '^':
        return this.#flags.multiLine ? '(?:^|(?<=\\n))' : '(?:^)'
      case '$':
        return this.#flags.multiLine ? '(?:$|(?=\\n))' : '(?:$)'
      case '[':
        return this.#class()
      case '\\':
        return this.#escape()
      default:
        return literal(c.codePointAt(0)!)
    }
  }

  #escape(): string {
    const c = this.#pattern[this.#at]
    if (c === undefined) this.#fail('trailing backslash at end of expression')
    if (c === 'A' || c === 'z' || c === 'b' || c === 'B') {
      this.#at++
      return c === 'A' ? '(?:^)' : c === 'z' ? '(?:$)' : `(?:\\${c})`
    }
    return this.#classEscape() ?? literal(this.#escapedCharacter())
  }

  /** `\d`, `\W`, `\pL`, `\P{Greek}`: a set, both on its own and inside brackets; undefined (and nothing read) for anything else. */
  #classEscape(): string | undefined {
    const c = this.#pattern[this.#at]!
    const set = shorthand[c.toLowerCase()]
    if (set !== undefined) {
      this.#at++
      return c === c.toLowerCase() ? `[${set}]` : `[^${set}]`
    }
    if (c !== 'p' && c !== 'P') return undefined
    this.#at++
    let name = this.#take()
    if (name === '{') {
      const end = this.#pattern.indexOf('}', this.#at)
      if (end < 0) this.#fail('invalid character class range')
      name = this.#pattern.slice(this.#at, end)
      this.#at = end + 1
    }
    const negated = (c === 'P') !== name.startsWith('^')
    name = name.replace(/^\^/, '')
    if (!/^[A-Za-z_]+$/.test(name)) this.#fail('invalid character class range')
    return `\\${negated ? 'P' : 'p'}{${generalCategory.test(name) ? name : `Script=${name}`}}`
  }

  #escapedCharacter(): number {
    const c = this.#take()
    const control = controls[c]
    if (control !== undefined) return control
    if (c === 'x') {
      const hex = /^(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(this.#pattern.slice(this.#at, this.#at + 12))
      const code = Number.parseInt(hex?.[1] ?? hex?.[2] ?? '', 16)
      if (hex === null || code > 0x10_ffff) this.#fail('invalid escape sequence')
      this.#at += hex[0].length
      return code
    }
    const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(c + this.#pattern.slice(this.#at, this.#at + 2))
    if (octal !== null) {
      this.#at += octal[0].length - 1
      return Number.parseInt(octal[0], 8)
    }
    if (/^[!-/:-@[-`{-~]$/.test(c)) return c.charCodeAt(0)
    this.#fail('invalid escape sequence')
  }

  #class(): string {
    let negated = false
    if (this.#pattern[this.#at] === '^') {
      negated = true
      this.#at++
    }
    let body = ''
    for (let first = true; ; first = false) {
      const c = this.#pattern[this.#at]
      if (c === undefined) this.#fail('missing closing ]')
      if (c === ']' && !first) break
      const named = c === '[' ? /^\[:(\^?)([a-z]+):\]/.exec(this.#pattern.slice(this.#at)) : null
      if (named !== null) {
        const set = posix[named[2]!]
        if (set === undefined) this.#fail('invalid character class range')
        body += `[${named[1]}${set}]`
        this.#at += named[0].length
        continue
      }
      if (c === '\\') {
        this.#at++
        if (this.#at >= this.#pattern.length) this.#fail('trailing backslash at end of expression')
        const set = this.#classEscape()
        if (set !== undefined) {
          body += set
          continue
        }
        this.#at--
      }
      const low = this.#classCharacter()
      let high = low
      if (this.#pattern[this.#at] === '-' && this.#pattern[this.#at + 1] !== ']' && this.#at + 1 < this.#pattern.length) {
        this.#at++
        high = this.#classCharacter()
        if (high < low) this.#fail('invalid character class range')
      }
      body += high === low ? literal(low) : `${literal(low)}-${literal(high)}`
    }
    this.#at++
    return `[${negated ? '^' : ''}${body}]`
  }

  #classCharacter(): number {
    const c = this.#take()
    return c === '\\' ? this.#escapedCharacter() : c.codePointAt(0)!
  }

  #quoted(): void {
    const end = this.#pattern.indexOf('\\E', this.#at)
    const text = this.#pattern.slice(this.#at + 1, end < 0 ? undefined : end)
    this.#at = end < 0 ? this.#pattern.length : end + 2
    const characters = [...text]
    for (const [i, character] of characters.entries()) {
      this.#out += literal(character.codePointAt(0)!)
      if (i === characters.length - 1) this.#repeat(0)
    }
  }

  #group(): void {
    if (this.#pattern[this.#at] !== '?') {
      this.#groupNames.push('')
      this.#open('(')
      return
    }
    const rest = this.#pattern.slice(this.#at)
    const named = /^\?P?<([^>]*)>/.exec(rest)
    if (named !== null && !/^\?<[=!]/.test(rest)) {
      const name = named[1]!
      if (!/^\w+$/.test(name) || this.#groupNames.includes(name)) this.#fail('invalid named capture')
      this.#at += named[0].length
      this.#groupNames.push(name)
      this.#open('(')
      return
    }
    const flags = /^\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest)
    if (flags === null || (flags[3] === ')' && flags[1] === '' && flags[2] === undefined && rest !== '?)'))
      this.#fail('invalid or unsupported Perl syntax')
    const [whole, on = '', off = '', end] = flags
    if (on.includes('U') || off.includes('U')) this.#refuse('the flag U')
    this.#at += whole.length
    if (end === ':') this.#open('(?:')
    this.#setFlags(on, off)
  }

  #setFlags(on: string, off: string): void {
    const set = (flag: string, now: boolean) => (off.includes(flag) ? false : on.includes(flag) ? true : now)
    const before = this.#flags
    this.#flags = { ignoreCase: set('i', before.ignoreCase), multiLine: set('m', before.multiLine), dotAll: set('s', before.dotAll) }
    if (this.#flags.ignoreCase === before.ignoreCase) return
    const wrapper = this.#flags.ignoreCase ? '(?i:' : '(?-i:'
    this.#out += wrapper
    this.#groups.at(-1)!.wrappers.push(wrapper)
  }

  #open(text: string): void {
    this.#out += text
    this.#groups.push({ outer: this.#flags, wrappers: [], choices: 0, choicesOfBranches: 0, hasAlternatives: false })
  }

  /** @returns How many choices the group holds. */
  #close(text: string): number {
    const group = this.#groups.pop()!
    this.#out += ')'.repeat(group.wrappers.length) + text
    this.#flags = group.outer
    const choices = Math.max(group.choices, group.choicesOfBranches) + (group.hasAlternatives ? 1 : 0)
    this.#countChoices(choices)
    return choices
  }

  #alternative(): void {
    const group = this.#groups.at(-1)!
    this.#out += `${')'.repeat(group.wrappers.length)}|${group.wrappers.join('')}`
    group.choicesOfBranches = Math.max(group.choicesOfBranches, group.choices)
    group.choices = 0
    group.hasAlternatives = true
  }

  #countChoices(choices: number): void {
    const group = this.#groups.at(-1)
    if (group === undefined) return
    group.choices += choices
    if (group.choices > REGEXP_CHOICES_MAX) this.#refuse(`more than ${REGEXP_CHOICES_MAX} choices in a row could take unbounded time`)
  }

  /** Reads the repetition that follows the atom just written, if one does. @param choices - How many choices the atom holds. */
  #repeat(choices: number): void {
    const c = this.#pattern[this.#at]
    const counted = c === '{' ? this.#countAt(this.#at) : undefined
    if (c !== '*' && c !== '+' && c !== '?' && counted === undefined) return
    const text = counted?.text ?? c!
    const max = counted?.max ?? (c === '?' ? 1 : Number.POSITIVE_INFINITY)
    if (choices > 0 && max > 1) this.#refuse('to repeat a group that holds a repetition or alternatives could take unbounded time')
    this.#at += text.length
    const lazy = this.#pattern[this.#at] === '?' ? '?' : ''
    this.#at += lazy.length
    const after = this.#pattern[this.#at]
    if (after === '*' || after === '+' || after === '?' || (after === '{' && this.#countAt(this.#at) !== undefined)) {
      this.#fail(`invalid nested repetition operator: \`${text}${after}\``)
    }
    this.#out += text + lazy
    if (counted === undefined || counted.min !== counted.max) this.#countChoices(1)
  }

  #countAt(at: number): { text: string; min: number; max: number } | undefined {
    const match = /^\{(\d+)(,?)(\d*)\}/.exec(this.#pattern.slice(at, at + 24))
    if (match === null) return undefined
    const min = Number(match[1])
    const max = match[2] === '' ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3])
    if (min > REPEAT_COUNT_MAX || (max !== Number.POSITIVE_INFINITY && max > REPEAT_COUNT_MAX) || max < min)
      this.#fail(`invalid repeat count: \`${match[0]}\``)
    return { text: match[0], min, max }
  }

  #take(): string {
    const code = this.#pattern.codePointAt(this.#at)
    if (code === undefined) this.#fail('unexpected end')
    const c = String.fromCodePoint(code)
    this.#at += c.length
    return c
  }

  #refuse(reason: string): never {
    throw storeErrors.MW_STORE_MATCHER_UNSUPPORTED(`regular expression ${JSON.stringify(this.#pattern)}: ${reason}`)
  }

  #fail(reason: string): never {
    throw storeErrors.MW_STORE_MATCHER(`error parsing regexp: ${reason}: ${JSON.stringify(this.#pattern)}`)
  }
}

/** One code point, so written that it stands for itself inside and outside of brackets. */
function literal(code: number): string {
  const c = String.fromCodePoint(code)
  return /^[0-9A-Za-z_]$/.test(c) || code > 0x7f ? c : `\\x${code.toString(16).padStart(2, '0')}`
}
