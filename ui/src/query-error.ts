import { sentence } from './format.ts'

/** What the plane said about an expression, taken apart so that the place can be shown. */
export interface QueryFault {
  /** The reason, a sentence. */
  readonly reason: string
  /** From 1; undefined when the message names no place. */
  readonly line: number | undefined
  readonly column: number | undefined
}

/** Reads messages such as `invalid parameter "query": 1:7: parse error: unexpected "}"`. */
export function parseQueryError(message: string): QueryFault {
  const text = message.replace(/^invalid parameter "query": /, '')
  const match = /^(\d+):(\d+): (?:parse error: )?(.*)$/s.exec(text)
  const reason = sentence(match === null ? text.replace(/^parse error: /, '') : match[3]!)
  return { reason, line: match === null ? undefined : Number(match[1]), column: match === null ? undefined : Number(match[2]) }
}

/** The line at fault, cut into what stands before the place and what follows it; undefined when the place is not in the expression. */
export function placeOf(expr: string, { line, column }: QueryFault): { readonly before: string; readonly after: string } | undefined {
  if (line === undefined || column === undefined) return undefined
  const text = expr.split('\n')[line - 1]
  if (text === undefined || column < 1 || column > text.length + 1) return undefined
  return { before: text.slice(0, column - 1), after: text.slice(column - 1) }
}
