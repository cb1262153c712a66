import type { SyntaxNode, Tree } from '@lezer/common'
import { parser } from '@prometheus-io/lezer-promql'
import type { ModelwatchError } from '../../core/errors.ts'
import { nestedTooDeep, parseError, treeTooDeep } from './position.ts'

/**
 * The tree of the official grammar. Lezer breaks off a chain of operators past some 2000 characters, to keep the trees of editors shallow,
 * and calls the rest of a valid query an error. It counts for that in a field of its own, which is reset here at each step; should the field
 * be named otherwise one day, long queries fail again, and the test of them.
 */
export function parseTree(query: string): Tree {
  const parse = parser.startParse(query) as ReturnType<typeof parser.startParse> & { bigReductionCount?: number }
  for (;;) {
    parse.bigReductionCount = 0
    const tree = parse.advance()
    if (tree !== null) return tree
  }
}

/** Deepest tree that is looked at: past 2500 levels Lezer lays what is below side by side. */
const TREE_DEPTH_MAX = 2400
const nestingNodes = new Set(['ParenExpr', 'FunctionCall', 'AggregateExpr', 'UnaryExpr', 'SubqueryExpr'])

/** Past some 2800 open parts Lezer gives up on valid queries too, and says no more than that there is an error. */
function isNestedDeeper(node: SyntaxNode, levels: number): boolean {
  let count = 0
  for (let at: SyntaxNode | null = node; at !== null; at = at.parent) if (nestingNodes.has(at.name)) count++
  return count > levels
}

/** Prometheus reads `2.` and `2.e3`, the grammar does not. Written otherwise in as many characters, so that positions stay. */
export function withoutBareDots(query: string): string {
  const strings = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*|(?<![\w.:])(\d+)\.(e[+-]?\d+|(?!\w|\.))/gis
  return query.replace(strings, (whole, digits: string | undefined, exponent: string) => {
    if (digits === undefined) return whole
    return exponent === '' ? `${digits} ` : `0${digits}${exponent}`
  })
}

/** Lezer never throws; what it could not read it wraps in error nodes. The first of them is where the query goes wrong. @param depthMax - Levels of nesting that are read. */
export function failOnErrorNode(query: string, root: SyntaxNode, depthMax: number): void {
  const cursor = root.cursor()
  for (let depth = 0; ; ) {
    if (cursor.type.isError) throw errorAt(query, cursor.node, depthMax)
    if (cursor.firstChild()) {
      depth++
      if (depth > TREE_DEPTH_MAX) throw treeTooDeep(query, cursor.from, TREE_DEPTH_MAX)
      continue
    }
    while (!cursor.nextSibling()) {
      if (!cursor.parent()) return
      depth--
    }
  }
}

function errorAt(query: string, node: SyntaxNode, depthMax: number): ModelwatchError {
  const at = node.from + /^(?:\s|#[^\n]*)*/.exec(query.slice(node.from))![0].length
  if (isNestedDeeper(node, depthMax)) return nestedTooDeep(query, at, depthMax)
  if (at >= query.length) {
    const isBlank = /^(?:\s|#[^\n]*)*$/.test(query)
    return parseError(query, query.trimEnd().length, isBlank ? 'no expression found in input' : 'unexpected end of input')
  }
  const called = query[at] === '(' ? /([A-Za-z_:][\w:]*)\s*$/.exec(query.slice(0, at)) : null
  if (called !== null) return parseError(query, called.index, `unknown function with name ${JSON.stringify(called[1])}`)
  const token = /^(?:[\w:.]+|"[^"]*"?|'[^']*'?|[=!<>~]+|.)/su.exec(query.slice(at))![0]
  return parseError(query, at, `unexpected ${JSON.stringify(token)}`)
}

/** A node's children, comments left out. */
export function children(node: SyntaxNode): SyntaxNode[] {
  const list: SyntaxNode[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) if (child.name !== 'LineComment') list.push(child)
  return list
}
