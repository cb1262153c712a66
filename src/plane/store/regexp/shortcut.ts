import { everyCode } from './code-set.ts'
import type { Node } from './syntax.ts'

/** Most texts an expression is written out to. */
const LITERALS_MAX = 10_000
/** Most characters of them together. */
const LITERALS_LENGTH_MAX = 1_000_000
/** Most texts that are tried one after the other at one place. */
const TRIED_MAX = 8

/** A plain way to match what most expressions are: a list of texts, a beginning, an end. */
export interface Shortcut {
  /** The texts that match, where they can be listed. */
  readonly literals?: ReadonlySet<string>
  test(text: string): boolean
}

/** @returns undefined for an expression that needs the machine. */
export function findShortcut(node: Node): Shortcut | undefined {
  const parts = trimmed(flatParts(node))
  const literals = literalsOf({ kind: 'concat', parts })
  if (literals !== undefined) {
    const set = new Set(literals)
    return { literals: set, test: (text) => set.has(text) }
  }
  const wild = parts.flatMap((part, i) => (isWild(part) ? [i] : []))
  const [first, second] = wild
  if (first === undefined || wild.length > 2) return undefined
  const min = (i: number) => (parts[i] as Wild).min
  if (second === undefined) return bothEnds(textsOf(parts.slice(0, first)), min(first), textsOf(parts.slice(first + 1)))
  if (first !== 0 || second !== parts.length - 1) return undefined
  return within(min(first), textsOf(parts.slice(1, -1)), min(second))
}

/** Prefix, anything, suffix. */
function bothEnds(prefixes: string[] | undefined, min: number, suffixes: string[] | undefined): Shortcut | undefined {
  if (prefixes === undefined || suffixes === undefined) return undefined
  const fits = (text: string, prefix: string) =>
    text.startsWith(prefix) && suffixes.some((suffix) => text.length >= prefix.length + min + suffix.length && text.endsWith(suffix))
  return { test: (text) => prefixes.some((prefix) => fits(text, prefix)) }
}

/** Anything, text, anything. */
function within(minBefore: number, texts: string[] | undefined, minAfter: number): Shortcut | undefined {
  if (texts === undefined) return undefined
  // The first place leaves most room behind.
  const fits = (text: string, part: string) => {
    const at = text.indexOf(part, minBefore)
    return at >= minBefore && at + part.length + minAfter <= text.length // Nothing is found at the end of a text that is too short.
  }
  return { test: (text) => texts.some((part) => fits(text, part)) }
}

type Wild = Extract<Node, { kind: 'repeat' }>

/** `.*` or `.+`. */
function isWild(node: Node): node is Wild {
  return (
    node.kind === 'repeat' &&
    node.max === Number.POSITIVE_INFINITY &&
    node.min <= 1 &&
    node.node.kind === 'set' &&
    node.node.set === everyCode
  )
}

/** The parts in a row, groups opened: who only tests does not look at them. */
function flatParts(node: Node): Node[] {
  if (node.kind === 'group') return flatParts(node.node)
  return node.kind === 'concat' ? node.parts.flatMap(flatParts) : [node]
}

/** Without `^` and `$` at the ends: the expression is anchored anyway. */
function trimmed(parts: readonly Node[]): readonly Node[] {
  const is = (node: Node | undefined, assertion: string) => node?.kind === 'assertion' && node.assertion === assertion
  let from = 0
  let to = parts.length
  while (is(parts[from], 'textStart')) from++
  while (to > from && is(parts[to - 1], 'textEnd')) to--
  return parts.slice(from, to)
}

/** The few texts that parts stand for. */
function textsOf(parts: readonly Node[]): string[] | undefined {
  const texts = literalsOf({ kind: 'concat', parts })
  return texts !== undefined && texts.length <= TRIED_MAX ? texts : undefined
}

/** Every text that matches, if they can be written out; undefined if not. */
function literalsOf(node: Node): string[] | undefined {
  const texts = writeOut(node)
  // Half of a surrogate pair would be found inside of a whole one.
  return texts?.every((text) => text.isWellFormed()) ? texts : undefined
}

function writeOut(node: Node): string[] | undefined {
  switch (node.kind) {
    case 'empty':
      return ['']
    case 'literal':
      return [String.fromCodePoint(node.code)]
    case 'group':
      return writeOut(node.node)
    case 'alternation':
      return joined(node.branches)
    case 'concat':
      return crossed(node.parts)
    case 'repeat': {
      if (node.min !== 0 || node.max !== 1) return undefined
      const texts = writeOut(node.node)
      return texts === undefined ? undefined : ['', ...texts]
    }
    default:
      return undefined
  }
}

function joined(branches: readonly Node[]): string[] | undefined {
  const all: string[] = []
  for (const branch of branches) {
    const texts = writeOut(branch)
    if (texts === undefined || all.length + texts.length > LITERALS_MAX) return undefined
    for (const text of texts) all.push(text)
  }
  return all
}

function crossed(parts: readonly Node[]): string[] | undefined {
  let all = ['']
  for (const part of parts) {
    const texts = writeOut(part)
    if (texts === undefined) return undefined
    if (all.length * texts.length > LITERALS_MAX || length(all) * texts.length + length(texts) * all.length > LITERALS_LENGTH_MAX)
      return undefined
    all = all.flatMap((head) => texts.map((tail) => head + tail))
  }
  return all
}

function length(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0)
}
