import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { formatQuery, parseQueryTree } from '../../src/plane/promql/index.ts'
import { QueryTexts } from '../../src/plane/promql/testing/query-texts.ts'
import { needs } from '../support/needs.ts'
import { type PrometheusServer, startPrometheus } from '../support/prometheus.ts'

const cases = Number(process.env.MODELWATCH_DIFFERENTIAL_CASES ?? 3000)
// The same texts each time: a new difference in words is for who looks for one, with a seed of their own.
const seed = Number(process.env.MODELWATCH_FUZZ_SEED ?? 1)

let server: PrometheusServer | undefined
const folder = mkdtempSync(join(tmpdir(), 'modelwatch-promql-text-'))
afterAll(async () => {
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

interface Answer {
  readonly status: 'success' | 'error'
  readonly data?: unknown
  readonly error?: string
}

async function ask(path: string, query: string): Promise<Answer> {
  const reply = await fetch(`${server!.url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams({ query }) })
  return (await reply.json()) as Answer
}

/** Our answer in the same shape. */
function answer(query: string): Answer {
  try {
    return { status: 'success', data: formatQuery(query) }
  } catch (error) {
    return { status: 'error', error: `invalid parameter "query": ${(error as Error).message}` }
  }
}

/**
 * Where Prometheus 3.5.3 does not say what it means: it takes a letter in brackets for a colon, calls an `@` by its number, ends in an error of
 * its own on the arguments of info() and after some trailing commas, prints labels that need quotes without them, leaves `group_left` out behind an
 * empty `ignoring ()`, and looks for an operator in front of its left side when there is `by (…)` further left.
 */
function isKnownOddity(query: string, theirs: Answer, ours: Answer): boolean {
  const error = theirs.error ?? ''
  return (
    /expected ':'|duration out of range/.test(ours.error ?? '') ||
    /<Item \d+>|unexpected error|bool modifier can only|must use BOOL|must not occur/.test(error) ||
    (typeof theirs.data === 'string' && /group_(?:left|right) \([^)]*\.|on \([^)]*\./.test(theirs.data)) ||
    (typeof ours.data === 'string' && ours.data.includes('ignoring () group_')) ||
    /info\(/.test(query)
  )
}

test('query texts are read, refused and printed as Prometheus does', async (context) => {
  const program = needs(context, 'prometheus')
  const config = join(folder, 'prometheus.yml')
  writeFileSync(config, 'global: {}\n')
  server = await startPrometheus(program, config, ['--enable-feature=promql-experimental-functions,promql-duration-expr'])
  console.log(`PromQL texts beside Prometheus: MODELWATCH_FUZZ_SEED=${seed} MODELWATCH_DIFFERENTIAL_CASES=${cases}`)
  const texts = new QueryTexts(seed)
  let same = 0
  for (let i = 0; i < cases; i++) {
    // As it arrives over HTTP: half a surrogate pair does not.
    const query = texts.next().toWellFormed()
    const theirs = await ask('format_query', query)
    const ours = answer(query)
    if (isKnownOddity(query, theirs, ours)) continue
    expect(ours, query).toEqual({
      status: theirs.status,
      ...(theirs.status === 'success' ? { data: theirs.data } : { error: theirs.error }),
    })
    same++
    if (theirs.status === 'success') expect(parseQueryTree(query), query).toEqual((await ask('parse_query', query)).data)
  }
  expect(same / cases).toBeGreaterThan(0.9)
})
