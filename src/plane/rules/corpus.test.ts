import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { needs } from '../../../test/support/needs.ts'
import { createQueryEngine } from '../promql/index.ts'
import { createMemoryStore } from '../store/index.ts'
import { parseRuleFile } from './config.ts'

/** Rule files of well-known collections. What a file needs beyond this version must be named; nothing else may stop it. */
test('rule files of the field load, or what they need is named', (ctx) => {
  const corpus = join(needs(ctx, '../shared'), 'conformance/rules')
  const files = globSync(`${corpus}/**/*.{yml,yaml}`).sort()
  const engine = createQueryEngine({}, { reader: createMemoryStore() })
  const wrong: string[] = []
  let loaded = 0
  let rules = 0
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    const document = parse(text) as { groups?: unknown; spec?: { groups?: unknown } }
    // Those for Kubernetes keep their groups under `spec`.
    const body = document.groups === undefined ? stringify({ groups: document.spec?.groups ?? [] }) : text
    try {
      rules += parseRuleFile(body, { file, intervalMs: 60_000 }, { engine }).flatMap((group) => group.rules).length
      loaded++
    } catch (error) {
      const { message } = error as Error
      if (!message.includes('not supported')) wrong.push(`${file.slice(corpus.length)}: ${message}`)
    }
  }
  expect(wrong).toEqual([])
  expect(loaded / files.length).toBeGreaterThan(0.8)
  expect(rules).toBeGreaterThan(900)
}, 30_000)
