import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { runScript } from './testing.ts'

const scripts = new URL('../../../test/promql/', import.meta.url)
const files = readdirSync(scripts).filter((name) => name.endsWith('.promtest'))

// Every expectation in them was confirmed with Prometheus 3.5.3 by its HTTP API, unless the script says otherwise.
test.for(files)('%s', async (file) => {
  const outcomes = await runScript(readFileSync(new URL(file, scripts), 'utf8'))
  expect(outcomes.length).toBeGreaterThan(0)
  expect(outcomes.filter(({ verdict }) => verdict !== 'right')).toEqual([])
})
