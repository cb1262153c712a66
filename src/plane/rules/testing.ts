import type { QueryEngine, QueryResult, VectorSample } from '../promql/contract.ts'

/** An engine that answers from a table: expression to what it gives at a time. */
export function createScriptedEngine(
  answers: Readonly<Record<string, (timeMs: number) => readonly VectorSample[] | number | Error>>,
): QueryEngine {
  return {
    async instant(query, timeMs): Promise<QueryResult> {
      const answer = answers[query]?.(timeMs) ?? new Error(`no answer for ${query}`)
      if (answer instanceof Error) throw answer
      const value =
        typeof answer === 'number' ? ({ kind: 'scalar', timeMs, value: answer } as const) : ({ kind: 'vector', samples: answer } as const)
      return { value, warnings: [], infos: [] }
    },
    range: () => Promise.reject(new Error('rules ask for instants only')),
    check: () => 'vector',
  }
}
