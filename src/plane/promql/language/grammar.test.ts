import { parser } from '@prometheus-io/lezer-promql'
import { expect, test } from 'vitest'
import { QueryTexts } from '../testing/query-texts.ts'
import { parse } from './parse.ts'

/** Whether the grammar of Prometheus's editor reads a text without complaint. */
function isInGrammar(query: string): boolean {
  let complains = false
  parser.parse(query).iterate({
    enter: ({ type }) => {
      if (type.isError) complains = true
    },
  })
  return !complains
}

// The other way round it cannot be: that grammar is newer, and knows neither types nor what follows from them.
test("what is read here is in the grammar of Prometheus's editor as well", () => {
  const texts = new QueryTexts(350)
  let read = 0
  for (let i = 0; i < 3000; i++) {
    const query = texts.next()
    // Two things that it lacks: numbers that end in a dot, and `offset` as a name.
    if (/\d\.(?!\d)|offset/.test(query)) continue
    try {
      parse(query, { experimentalFunctions: true })
    } catch {
      continue // Whether it should have been read is asked elsewhere.
    }
    expect(isInGrammar(query), query).toBe(true)
    read++
  }
  expect(read).toBeGreaterThan(300)
})
