import type { ModelwatchError } from '../../core/errors.ts'
import { promqlErrors } from './errors.ts'

/** Line and column of an offset, both counted from 1, as Prometheus writes them. */
export function positionOf(query: string, offset: number): string {
  const before = query.slice(0, offset)
  const line = before.split('\n').length
  return `${line}:${offset - before.lastIndexOf('\n')}`
}

export function parseError(query: string, offset: number, message: string): ModelwatchError {
  return promqlErrors.MW_PROMQL_PARSE(`${positionOf(query, offset)}: parse error: ${message}`)
}

export function unsupported(query: string, offset: number, what: string): ModelwatchError {
  return promqlErrors.MW_PROMQL_UNSUPPORTED(`${positionOf(query, offset)}: ${what} is not supported`)
}
