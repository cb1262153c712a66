import { type CodeSet, classSet, everyCode, hasCase, noNewline } from './code-set.ts'
import { inClass, PatternReader } from './pattern-reader.ts'
import { type Assertion, type Node, type Syntax, unsupported } from './syntax.ts'

/** RE2's own bound on `{n}`, also for the product of counts that are nested. */
const REPEAT_COUNT_MAX = 1000
/** Deepest nesting of groups: each level costs stack when the pattern is compiled. */
const GROUP_DEPTH_MAX = 500

/**
 * Reads RE2 syntax, that of Prometheus: `.` also matches a newline, a lone `^` or `$` is an end of the text.
 * @throws MW_STORE_MATCHER where RE2 would refuse the pattern; MW_STORE_MATCHER_UNSUPPORTED where only this reader does.
 * @see https://github.com/google/re2/wiki/Syntax
 */
export function parseRegExp(pattern: string): Syntax {
  return new Parser(pattern).parse()
}

interface Flags {
  readonly ignoreCase: boolean
  readonly multiLine: boolean
  readonly dotAll: boolean
  readonly lazy: boolean
}

interface OpenGroup {
  /** Flags to return to when the group ends. */
  readonly outer: Flags
  /** Number of the group; undefined where it is not to be caught. */
  readonly index: number | undefined
  readonly branches: Node[]
  /** The branch being read. */
  parts: Node[]
}

const empty: Node = { kind: 'empty' }
const escapedAssertions: Readonly<Record<string, Assertion>> = { A: 'textStart', z: 'textEnd', b: 'wordBoundary', B: 'noWordBoundary' }

class Parser {
  readonly #reader: PatternReader
  readonly #groupNames: string[] = ['']
  readonly #groups: OpenGroup[] = []
  readonly #sets = new Map<string, CodeSet>()
  /** Largest product of nested repeat counts inside a node, where it is more than 1. */
  readonly #counts = new WeakMap<Node, number>()
  #flags: Flags = { ignoreCase: false, multiLine: false, dotAll: true, lazy: false }
  /** Where the last repetition stood: another one behind it would repeat a repetition. */
  #repeatedFrom = -1
  #repeatedTo = -1

  constructor(pattern: string) {
    this.#reader = new PatternReader(pattern)
  }

  parse(): Syntax {
    this.#open(undefined)
    while (this.#reader.next !== undefined) this.#item()
    if (this.#groups.length > 1) this.#reader.fail('missing closing )')
    return { node: this.#close(), groupNames: this.#groupNames }
  }

  #item(): void {
    const reader: PatternReader = this.#reader
    if (this.#repetition()) return
    const c = reader.take()
    if (c === '(') this.#group()
    else if (c === '|') this.#endBranch(this.#groups.at(-1)!)
    else if (c === ')') {
      if (this.#groups.length === 1) reader.fail('unexpected )')
      this.#add(this.#close())
    } else if (c === '\\' && reader.takeMatch(/Q/y) !== undefined) {
      for (const character of reader.takeMatch(/(.*?)(?:\\E|$)/sy)![1]!) this.#add(this.#character(character.codePointAt(0)!))
    } else this.#add(this.#atom(c))
  }

  #add(node: Node): void {
    this.#groups.at(-1)!.parts.push(node)
  }

  #atom(c: string): Node {
    const { dotAll, multiLine } = this.#flags
    if (c === '.') return { kind: 'set', set: dotAll ? everyCode : noNewline }
    if (c === '^') return { kind: 'assertion', assertion: multiLine ? 'lineStart' : 'textStart' }
    if (c === '$') return { kind: 'assertion', assertion: multiLine ? 'lineEnd' : 'textEnd' }
    if (c === '[') return { kind: 'set', set: this.#set(this.#reader.takeClass()) }
    if (c !== '\\') return this.#character(c.codePointAt(0)!)
    const assertion = this.#reader.takeMatch(/[AzbB]/y)
    if (assertion !== undefined) return { kind: 'assertion', assertion: escapedAssertions[assertion[0]]! }
    const set = this.#reader.takeClassEscape()
    return set === undefined ? this.#character(this.#reader.takeEscaped()) : { kind: 'set', set: this.#set(set) }
  }

  #character(code: number): Node {
    if (!this.#flags.ignoreCase || !hasCase(String.fromCodePoint(code))) return { kind: 'literal', code }
    return { kind: 'set', set: this.#set(`[${inClass(code)}]`) }
  }

  #set(source: string): CodeSet {
    const { ignoreCase } = this.#flags
    const key = `${ignoreCase}${source}`
    const known = this.#sets.get(key)
    if (known !== undefined) return known
    const set = classSet(source, ignoreCase)
    this.#sets.set(key, set)
    return set
  }

  /** Reads a repetition, if one comes next, and applies it to what was read last. */
  #repetition(): boolean {
    const reader: PatternReader = this.#reader
    const from = reader.at
    const match = reader.takeMatch(/([*+?]|\{(\d+)(,?)(\d*)\})(\??)/y)
    if (match === undefined) return false
    const [, operator, low, comma, high, lazy] = match
    if (from === this.#repeatedTo) reader.fail('invalid nested repetition operator', reader.since(this.#repeatedFrom))
    const { parts } = this.#groups.at(-1)!
    const node = parts.pop()
    if (node === undefined) reader.fail('missing argument to repetition operator', operator)
    const min = low === undefined ? (operator === '+' ? 1 : 0) : Number(low)
    const max =
      low === undefined ? (operator === '?' ? 1 : Number.POSITIVE_INFINITY) : comma === '' ? min : high === '' ? Infinity : Number(high)
    const repeat: Node = { kind: 'repeat', node, min, max, greedy: (lazy === '') !== this.#flags.lazy }
    const count = (low === undefined ? 1 : Math.max(min, max === Infinity ? 0 : max, 1)) * (this.#counts.get(node) ?? 1)
    if (count > REPEAT_COUNT_MAX || max < min) reader.fail('invalid repeat count', operator)
    if (count > 1) this.#counts.set(repeat, count)
    this.#add(repeat)
    this.#repeatedFrom = from
    this.#repeatedTo = reader.at
    return true
  }

  #group(): void {
    const reader: PatternReader = this.#reader
    if (reader.next !== '?') {
      this.#open(this.#groupNames.push('') - 1)
      return
    }
    const from = reader.at - 1
    if (reader.takeMatch(/\?P?<(?=.)/sy) !== undefined) {
      // Several groups may have one name.
      const name = reader.takeMatch(/([^>]*)>/y)?.[1]
      if (name === undefined || !/^\w+$/.test(name))
        reader.fail('invalid named capture', name === undefined ? reader.rest(from) : reader.since(from))
      this.#open(this.#groupNames.push(name) - 1)
      return
    }
    const flags = reader.takeMatch(/\?([imsU]*)(?:-([imsU]+))?([:)])/y)
    if (flags === undefined) reader.fail('invalid or unsupported Perl syntax', `(${reader.takeMatch(/\?[imsU-]*[\s\S]?/y)![0]}`)
    const [, on = '', off = '', end] = flags
    if (end === ':') this.#open(undefined)
    const set = (flag: string, now: boolean) => (off.includes(flag) ? false : on.includes(flag) ? true : now)
    const { ignoreCase, multiLine, dotAll, lazy } = this.#flags
    this.#flags = { ignoreCase: set('i', ignoreCase), multiLine: set('m', multiLine), dotAll: set('s', dotAll), lazy: set('U', lazy) }
  }

  #open(index: number | undefined): void {
    if (this.#groups.length > GROUP_DEPTH_MAX) throw unsupported(this.#reader.pattern, `groups nest more than ${GROUP_DEPTH_MAX} deep`)
    this.#groups.push({ outer: this.#flags, index, branches: [], parts: [] })
  }

  #endBranch(group: OpenGroup): void {
    const { branches, parts } = group
    branches.push(this.#counted(parts.length === 0 ? empty : parts.length === 1 ? parts[0]! : { kind: 'concat', parts }, parts))
    group.parts = []
  }

  #close(): Node {
    const group = this.#groups.pop()!
    this.#flags = group.outer
    this.#endBranch(group)
    const { branches, index } = group
    const node = this.#counted(branches.length === 1 ? branches[0]! : { kind: 'alternation', branches }, branches)
    return index === undefined ? node : this.#counted({ kind: 'group', node, index }, [node])
  }

  /** A node made of others holds as many copies as that of them which holds most. */
  #counted(node: Node, inner: readonly Node[]): Node {
    const count = inner.reduce((most, one) => Math.max(most, this.#counts.get(one) ?? 1), 1)
    if (count > 1) this.#counts.set(node, count)
    return node
  }
}
