import { expect, test } from 'vitest'
import { createMemoryStore } from '../../store/index.ts'
import { createQueryEngine } from '../engine.ts'

// Whatever is read has to be answered: the bounds of the parser are there so that no stack fills.
test.for([
  { why: 'a long chain', levels: 1, operators: 1000, want: 1001 },
  { why: 'deep parentheses', levels: 399, operators: 0, want: 1 },
  { why: 'chains in parentheses', levels: 290, operators: 4, want: 1161 },
])('answers $why', async ({ levels, operators, want }) => {
  const query = `${'('.repeat(levels)}vector(1)${`)${'+vector(1)'.repeat(operators)}`.repeat(levels)}`
  const engine = createQueryEngine({}, { reader: createMemoryStore() })
  const { value } = await engine.range(query, { startMs: 0, endMs: 60_000, stepMs: 60_000 })
  expect([...value.series[0]!.values]).toEqual([want, want])
})
