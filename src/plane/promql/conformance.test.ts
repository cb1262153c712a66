import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { needs } from '../../../test/support/needs.ts'
import { ModelwatchError } from '../../core/errors.ts'
import { labelsKey, toLabels } from '../../core/labels.ts'
import { createMemoryStore } from '../store/index.ts'
import type { QueryResult } from './contract.ts'
import { createQueryEngine } from './engine.ts'
import { almostEqual, runScript } from './testing.ts'

const conformance = new URL('../../../../shared/conformance/', import.meta.url)
const scripts = new URL('promqltest/v3.5.3/', conformance)
const differential = new URL('promql-compliance/', conformance)

/** Evals of native histograms, by file and line: they are not loaded. */
function histogramLines(): Map<string, Set<number>> {
  const lines = new Map<string, Set<number>>()
  for (const row of readFileSync(new URL('manifest.tsv', scripts), 'utf8').split('\n').slice(1)) {
    const [file = '', line, , tags = ''] = row.split('\t')
    if (tags.split(',').some((tag) => tag === 'nh' || tag === 'nhcb')) lines.set(file, (lines.get(file) ?? new Set()).add(Number(line)))
  }
  return lines
}

describe('the PromQL test scripts of Prometheus 3.5.3', () => {
  // How many evals of each file touch no native histogram; every one of them is right.
  test.for([
    { file: 'functions.test', evals: 254 },
    { file: 'literals.test', evals: 20 },
    { file: 'operators.test', evals: 133 },
    { file: 'selectors.test', evals: 31 },
    { file: 'staleness.test', evals: 17 },
    { file: 'subquery.test', evals: 32 },
  ])('$file', async ({ file, evals }, ctx) => {
    needs(ctx, '../shared')
    const outcomes = await runScript(readFileSync(new URL(file, scripts), 'utf8'), { skipLines: histogramLines().get(file) ?? new Set() })
    expect(outcomes.filter(({ verdict }) => verdict !== 'right')).toEqual([])
    expect(outcomes.length).toBe(evals)
  })

  test('no file is left out', (ctx) => {
    needs(ctx, '../shared')
    expect(
      readdirSync(scripts)
        .filter((name) => name.endsWith('.test'))
        .sort(),
    ).toEqual(['functions.test', 'literals.test', 'operators.test', 'selectors.test', 'staleness.test', 'subquery.test'])
  })
})

interface ApiAnswer {
  readonly status: 'success' | 'error'
  readonly resultType: 'scalar' | 'vector' | 'matrix'
  readonly result: unknown
  readonly error?: string
  readonly warnings?: string[]
  readonly infos?: string[]
}

interface Golden {
  readonly query: string
  readonly start: number
  readonly end: number
  readonly step: number
  readonly range: ApiAnswer
  readonly instant: ApiAnswer
}

const linesOf = (name: string) =>
  gunzipSync(readFileSync(new URL(name, differential)))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

async function loadedEngine() {
  const [head, ...series] = linesOf('dataset.jsonl.gz')
  const store = createMemoryStore()
  const appender = store.appender()
  for (const { labels, values } of series) {
    let ref = 0
    for (const [i, value] of values.entries()) {
      const timeMs = head.base_ms + i * head.step_ms
      if (value === 'stale') appender.appendStale(ref, timeMs)
      else if (value !== null) ref = appender.append(ref, toLabels(labels), timeMs, Number(value))
    }
  }
  await appender.commit()
  return createQueryEngine({}, { reader: store })
}

/** Every point as text key and number, so that both shapes compare alike. */
function pointsOf({ value }: QueryResult): Map<string, number> {
  const points = new Map<string, number>()
  if (value.kind === 'scalar') points.set(`@${value.timeMs}`, value.value)
  if (value.kind === 'vector') for (const { labels, timeMs, value: v } of value.samples) points.set(`${labelsKey(labels)}@${timeMs}`, v)
  if (value.kind === 'matrix') {
    for (const { labels, timesMs, values } of value.series)
      for (const [i, v] of values.entries()) points.set(`${labelsKey(labels)}@${timesMs[i]}`, v)
  }
  return points
}

function goldenPoints({ resultType, result }: ApiAnswer): Map<string, number> {
  const points = new Map<string, number>()
  const add = (labels: Record<string, string>, [time, value]: [number, string]) =>
    points.set(`${labelsKey(toLabels(labels))}@${Math.round(time * 1000)}`, Number(value.replace(/Inf$/, 'Infinity')))
  if (resultType === 'scalar') add({}, result as [number, string])
  if (resultType === 'vector')
    for (const { metric, value } of result as { metric: Record<string, string>; value: [number, string] }[]) add(metric, value)
  if (resultType === 'matrix') {
    for (const { metric, values } of result as { metric: Record<string, string>; values: [number, string][] }[])
      for (const value of values) add(metric, value)
  }
  return points
}

async function judge(ask: () => Promise<QueryResult>, golden: ApiAnswer): Promise<string> {
  let answer: QueryResult
  try {
    answer = await ask()
  } catch (error) {
    if (!(error instanceof ModelwatchError)) throw error
    if (golden.status !== 'error') return error.message
    return golden.error === error.message || golden.error === `invalid parameter "query": ${error.message}`
      ? 'right'
      : `${error.message}, not ${golden.error}`
  }
  if (golden.status === 'error') return 'an error was expected'
  const got = pointsOf(answer)
  const wanted = goldenPoints(golden)
  if (got.size !== wanted.size) return `${got.size} points, not ${wanted.size}`
  for (const [key, value] of wanted) {
    const other = got.get(key)
    if (other === undefined || !almostEqual(value, other, 1e-9)) return `${key} is ${other}, not ${value}`
  }
  if (JSON.stringify(answer.warnings) !== JSON.stringify(golden.warnings ?? [])) return `warnings ${JSON.stringify(answer.warnings)}`
  if (JSON.stringify(answer.infos) !== JSON.stringify(golden.infos ?? [])) return `infos ${JSON.stringify(answer.infos)}`
  return 'right'
}

test('answers the differential queries as Prometheus 3.5.3 did, as range and as instant queries', async (ctx) => {
  needs(ctx, '../shared')
  const engine = await loadedEngine()
  const golden: Golden[] = linesOf('golden-half-prom3.5.3.jsonl.gz')
  const wrong: string[] = []
  for (const { query, start, end, step, range, instant } of golden) {
    const verdicts = [
      await judge(() => engine.range(query, { startMs: start * 1000, endMs: end * 1000, stepMs: step * 1000 }), range),
      await judge(() => engine.instant(query, end * 1000), instant),
    ]
    for (const verdict of verdicts) if (verdict !== 'right') wrong.push(`${query}: ${verdict}`)
  }
  expect(wrong).toEqual([])
  expect(golden.length).toBe(270)
})
