import type { ModelwatchError } from '../../../core/errors.ts'
import { promqlErrors } from '../errors.ts'

/** Line and column of an offset, both counted from 1, the column in bytes of UTF-8, as Prometheus writes them; it has none for an empty query. */
export function positionOf(query: string, offset: number): string {
  if (query === '') return 'unknown position'
  const before = query.slice(0, offset)
  const line = before.split('\n').length
  return `${line}:${Buffer.byteLength(before.slice(before.lastIndexOf('\n') + 1)) + 1}`
}

export function parseError(query: string, offset: number, message: string): ModelwatchError {
  return promqlErrors.MW_PROMQL_PARSE(`${positionOf(query, offset)}: parse error: ${message}`)
}

export function nestedTooDeep(query: string, offset: number, levelsMax: number): ModelwatchError {
  return promqlErrors.MW_PROMQL_LIMIT(`${positionOf(query, offset)}: expression nested too deep: more than ${levelsMax} levels`, {
    hint: shorter,
  })
}

export function tooLong(query: string, offset: number, operatorsMax: number): ModelwatchError {
  return promqlErrors.MW_PROMQL_LIMIT(`${positionOf(query, offset)}: expression too long: more than ${operatorsMax} operators in a row`, {
    hint: shorter,
  })
}

export function treeTooDeep(query: string, offset: number, levelsMax: number): ModelwatchError {
  return promqlErrors.MW_PROMQL_LIMIT(
    `${positionOf(query, offset)}: expression too long or nested too deep: its tree has more than ${levelsMax} levels`,
    {
      hint: shorter,
    },
  )
}

const shorter = 'Write a shorter query: a matcher with =~ or an aggregation often says the same, or record parts of it as series.'

export function unsupported(query: string, offset: number, what: string): ModelwatchError {
  return promqlErrors.MW_PROMQL_UNSUPPORTED(`${positionOf(query, offset)}: ${what} is not supported`)
}
