import { assertNever } from '../../../core/errors.ts'
import type { CodeSet } from './code-set.ts'
import { type Assertion, type Node, type Syntax, unsupported } from './syntax.ts'

/** Most instructions of one program: a text costs at most this many steps per code point. */
export const PROGRAM_SIZE_MAX = 10_000

export type Instruction =
  /** Takes one code point: this one, or one of the set. */
  | { readonly kind: 'literal'; readonly code: number; readonly next: number }
  | { readonly kind: 'set'; readonly set: CodeSet; readonly next: number }
  /** Goes on in two places; `next` is preferred. */
  | { readonly kind: 'split'; readonly next: number; readonly other: number }
  /** Notes the place in the text: slot 2n where group n begins, 2n + 1 where it ends. */
  | { readonly kind: 'save'; readonly slot: number; readonly next: number }
  | { readonly kind: 'assert'; readonly assertion: Assertion; readonly next: number }
  /** The pattern is through: a match, if the text is. */
  | { readonly kind: 'end' }

/** A pattern as instructions for a machine that follows all its ways at once (Thompson's construction). */
export interface Program {
  readonly instructions: readonly Instruction[]
  readonly start: number
  /** Places a match notes: two for each group. */
  readonly slots: number
  /** Whether it looks at what stands beside a place. */
  readonly hasAssertions: boolean
}

/** @throws MW_STORE_MATCHER_UNSUPPORTED when the program would be too large. */
export function compileProgram(pattern: string, { node, groupNames }: Syntax): Program {
  const compiler = new Compiler(pattern)
  const end = compiler.emit({ kind: 'end' })
  const start = compiler.compile(node, end)
  const { instructions } = compiler
  return { instructions, start, slots: groupNames.length * 2, hasAssertions: instructions.some(({ kind }) => kind === 'assert') }
}

/** Compiles from the end to the beginning, so that each instruction knows its successor. */
class Compiler {
  readonly instructions: Instruction[] = []
  readonly #pattern: string

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  emit(instruction: Instruction): number {
    if (this.instructions.length >= PROGRAM_SIZE_MAX) {
      throw unsupported(this.#pattern, `with its repetitions written out it has more than ${PROGRAM_SIZE_MAX} parts`)
    }
    return this.instructions.push(instruction) - 1
  }

  /** @param next - Where to go on behind the node. @returns Where the node begins. */
  compile(node: Node, next: number): number {
    switch (node.kind) {
      case 'empty':
        return next
      case 'literal':
        return this.emit({ kind: 'literal', code: node.code, next })
      case 'set':
        return this.emit({ kind: 'set', set: node.set, next })
      case 'assertion':
        return this.emit({ kind: 'assert', assertion: node.assertion, next })
      case 'group': {
        const close = this.emit({ kind: 'save', slot: node.index * 2 + 1, next })
        return this.emit({ kind: 'save', slot: node.index * 2, next: this.compile(node.node, close) })
      }
      case 'concat':
        return node.parts.reduceRight((after, part) => this.compile(part, after), next)
      case 'alternation': {
        const starts = node.branches.map((branch) => this.compile(branch, next))
        return starts.reduceRight((other, start) => this.emit({ kind: 'split', next: start, other }))
      }
      case 'repeat':
        return this.#repeat(node, next)
      default:
        return assertNever(node)
    }
  }

  /** x{2,4} is xx(x(x)?)?, x{2,} is xx+, x* is (x+)? (so that a round that takes nothing does not come before leaving). */
  #repeat({ node, min, max, greedy }: Extract<Node, { kind: 'repeat' }>, next: number): number {
    let at = next
    let copies = min
    if (max === Number.POSITIVE_INFINITY) {
      at = this.#oneOrMore(node, next, greedy)
      if (min === 0) return this.#choice(at, next, greedy)
      copies--
    } else {
      for (let i = min; i < max; i++) at = this.#choice(this.compile(node, at), next, greedy)
    }
    for (let i = 0; i < copies; i++) at = this.compile(node, at)
    return at
  }

  #oneOrMore(node: Node, next: number, greedy: boolean): number {
    // The loop is known only when its body is there: a place is kept for it.
    const loop = this.emit({ kind: 'split', next, other: next })
    const body = this.compile(node, loop)
    this.instructions[loop] = greedy ? { kind: 'split', next: body, other: next } : { kind: 'split', next, other: body }
    return body
  }

  #choice(taken: number, left: number, greedy: boolean): number {
    return this.emit(greedy ? { kind: 'split', next: taken, other: left } : { kind: 'split', next: left, other: taken })
  }
}
