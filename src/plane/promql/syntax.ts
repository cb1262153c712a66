import type { SyntaxNode } from '@lezer/common'
import { parseError } from './position.ts'

/** Prometheus reads `2.` and `2.e3`, the grammar does not. Written otherwise in as many characters, so that positions stay. */
export function withoutBareDots(query: string): string {
  const strings = /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|#[^\n]*|(?<![\w.:])(\d+)\.(e[+-]?\d+|(?!\w|\.))/gis
  return query.replace(strings, (whole, digits: string | undefined, exponent: string) => {
    if (digits === undefined) return whole
    return exponent === '' ? `${digits} ` : `0${digits}${exponent}`
  })
}

/** Lezer never throws; what it could not read it wraps in error nodes. The first of them is where the query goes wrong. */
export function failOnErrorNode(query: string, root: SyntaxNode): void {
  const cursor = root.cursor()
  do {
    if (!cursor.type.isError) continue
    const at = cursor.from + /^(?:\s|#[^\n]*)*/.exec(query.slice(cursor.from))![0].length
    if (at >= query.length) {
      throw parseError(
        query,
        query.trimEnd().length,
        /^(?:\s|#[^\n]*)*$/.test(query) ? 'no expression found in input' : 'unexpected end of input',
      )
    }
    const called = query[at] === '(' ? /([A-Za-z_:][\w:]*)\s*$/.exec(query.slice(0, at)) : null
    if (called !== null) throw parseError(query, called.index, `unknown function with name ${JSON.stringify(called[1])}`)
    const token = /^(?:[\w:.]+|"[^"]*"?|'[^']*'?|[=!<>~]+|.)/su.exec(query.slice(at))![0]
    throw parseError(query, at, `unexpected ${JSON.stringify(token)}`)
  } while (cursor.next())
}

/** A node's children, comments left out. */
export function children(node: SyntaxNode): SyntaxNode[] {
  const list: SyntaxNode[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) if (child.name !== 'LineComment') list.push(child)
  return list
}
