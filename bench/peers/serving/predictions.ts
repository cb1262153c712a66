import { request } from 'undici'
import { type LoadResult, load, median } from '../../support/wrk.ts'
import type { Report } from '../lib/report.ts'
import { loadInTurns } from './in-turns.ts'
import { measureSession } from './inside.ts'
import { type Endpoint, names, type RowsForm, type RunningSubject, type Subject, subjectsOf } from './subjects.ts'
import type { Wine, WineRow } from './wine.ts'

export interface Rounds {
  readonly rounds: number
  readonly seconds: number
}

const connectionCounts = [1, 16, 64] as const
/** Answers of 32 bits beside those of 64. */
const DIFFERENCE_MAX = 1e-5
const BATCH_ROWS = 100
const BATCH_CONNECTIONS = 16
/** Different requests of many rows, sent in turns. */
const BATCHES = 16
const WARM_UP_SECONDS = 2

/** Results of all rounds, by subject, and by number of connections or the name of a form of many rows. */
type Results = Map<string, Map<number | string, LoadResult[]>>

/**
 * One row a request and many rows a request, of all servers. In each round every server is started, asked whether it answers what scikit-learn answers,
 * warmed up, measured, and stopped before the next one comes, so that none takes anything from another.
 */
export async function measurePredictions(wine: Wine, { rounds, seconds }: Rounds, report: Report): Promise<void> {
  const subjects = subjectsOf(wine)
  const results: Results = new Map(subjects.map(({ name }) => [name, new Map()]))
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) {
      console.log(`round ${round + 1} of ${rounds}: ${subject.name}`)
      const running = await subject.start()
      try {
        if (subject.isModel) await checkAnswers(running, wine)
        await measure(running, subject, wine, seconds, results.get(subject.name)!)
      } finally {
        await running.stop()
      }
    }
  }
  tellOneRow(subjects, results, report)
  await measureBesideBareRoute(subjects, wine, report)
  const batches = batchesOf(wine)
  const alone = { inTurns: await measureSession(wine, batches, seconds), again: await measureSession(wine, batches.slice(0, 1), seconds) }
  tellManyRows(subjects, results, alone, report)
}

/**
 * Requests of other rows each. A processor that sees the same hundred rows over and over learns by heart which way each of them goes at each node of the trees, and is
 * through them in a third of the time: no client sends the same rows over and over.
 */
function batchesOf({ rows }: Wine): WineRow[][] {
  const step = Math.floor(rows.length / BATCHES)
  return Array.from({ length: BATCHES }, (_, b) => Array.from({ length: BATCH_ROWS }, (_, r) => rows[(b * step + r) % rows.length]!))
}

async function checkAnswers({ oneRow, manyRows }: RunningSubject, { rows, answers }: Wine): Promise<void> {
  const first = rows.slice(0, 10)
  const singles = await Promise.all(first.map((row) => ask(oneRow, [row])))
  expectEqual(oneRow.url, singles.flat(), answers)
  for (const form of manyRows) expectEqual(form.url, await askMany(form, rows), answers)
}

async function askMany({ url, body, read }: RowsForm, rows: readonly WineRow[]): Promise<readonly number[]> {
  const { bytes, headers } = body(rows)
  const answer = await request(url, { method: 'POST', headers, body: bytes })
  const answered = Buffer.from(await answer.body.arrayBuffer())
  if (answer.statusCode !== 200) throw new Error(`${url} answers ${answer.statusCode}: ${answered.toString().slice(0, 300)}`)
  const jsonLength = answer.headers['inference-header-content-length']
  return read(answered, jsonLength === undefined ? undefined : Number(jsonLength))
}

async function ask(endpoint: Endpoint, rows: readonly WineRow[]): Promise<readonly number[]> {
  const headers = { 'content-type': 'application/json' }
  const { statusCode, body } = await request(endpoint.url, { method: 'POST', headers, body: endpoint.body(rows) })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`${endpoint.url} answers ${statusCode}: ${text.slice(0, 300)}`)
  return endpoint.read(JSON.parse(text) as never)
}

function expectEqual(url: string, got: readonly number[], want: readonly number[]): void {
  const wrong = got.findIndex((value, i) => !(Math.abs(value - want[i]!) <= DIFFERENCE_MAX))
  if (got.length === 0 || wrong !== -1) throw new Error(`${url} predicts ${got[wrong]} for row ${wrong}, scikit-learn ${want[wrong]}`)
}

async function measure(
  running: RunningSubject,
  { isModel, name }: Subject,
  wine: Wine,
  seconds: number,
  into: Map<number | string, LoadResult[]>,
) {
  const { oneRow, manyRows } = running
  const run = async (key: number | string, url: string, body: Parameters<typeof load>[1], connections: number) => {
    const result = await load(url, body, { connections, seconds })
    // A peer that fails some is shown with them; of ours none may.
    if (result.errors > 0 && name.startsWith('modelwatch')) throw new Error(`${url}: ${result.errors} requests were not answered 2xx`)
    into.set(key, [...(into.get(key) ?? []), result])
  }
  const row = oneRow.body(wine.rows)
  await load(oneRow.url, row, { connections: 16, seconds: WARM_UP_SECONDS })
  for (const connections of connectionCounts) await run(connections, oneRow.url, row, connections)
  if (!isModel) return
  const batches = batchesOf(wine)
  for (const form of manyRows) {
    const bodies = batches.map((rows) => form.body(rows))
    await load(form.url, bodies, { connections: BATCH_CONNECTIONS, seconds: WARM_UP_SECONDS })
    await run(form.name, form.url, bodies, BATCH_CONNECTIONS)
  }
}

const of = (results: Results, name: string, key: number | string, figure: keyof LoadResult) =>
  median(
    results
      .get(name)!
      .get(key)!
      .map((result) => result[figure]),
  )

function tellOneRow(subjects: readonly Subject[], results: Results, report: Report): void {
  const widths = [42, 6, 12, 12, 9, 9, 8]
  report.line('one row a request\n')
  report.row(['server', 'cores', 'connections', 'requests/s', 'p50 ms', 'p99 ms', 'failed'], widths)
  for (const { name, cores } of subjects) {
    for (const connections of connectionCounts) {
      const figure = (key: keyof LoadResult) => of(results, name, connections, key)
      const cells = [figure('requestsPerSecond').toFixed(0), figure('p50Ms').toFixed(2), figure('p99Ms').toFixed(2), figure('errors')]
      report.row([name, cores, connections, ...cells], widths)
    }
  }
  const at16 = (name: string, key: keyof LoadResult = 'requestsPerSecond') => of(results, name, 16, key)
  const [plain, tuned, , , , ours] = subjects.map(({ name }) => name) as [string, ...string[]]
  const best = Math.max(...connectionCounts.map((connections) => of(results, tuned!, connections, 'requestsPerSecond')))
  const ourBest = Math.max(...connectionCounts.map((connections) => of(results, ours!, connections, 'requestsPerSecond')))
  report.line('\nmodelwatch at 16 connections')
  const bars = [
    [`${(at16(ours!) / at16(plain)).toFixed(1)} times the predictions of the FastAPI stack as it comes`, '20'],
    [`${(ourBest / best).toFixed(1)} times those of the tuned one, each at its best`, '5'],
    [
      `${(at16(ours!, 'p99Ms') / at16(plain, 'p99Ms')).toFixed(3)} of its p99 as it comes, ${(at16(ours!, 'p99Ms') / at16(tuned!, 'p99Ms')).toFixed(3)} of the tuned one's`,
      '0.1',
    ],
  ]
  for (const [text, bar] of bars) report.line(`  ${text} (bar ${bar})`)
}

/** What the model and all that is done for it take beside HTTP, JSON and validation alone. */
async function measureBesideBareRoute(subjects: readonly Subject[], wine: Wine, report: Report): Promise<void> {
  const running = new Map<'bare' | 'ours', RunningSubject>()
  try {
    for (const { name, start } of subjects) {
      if (name === names.bare) running.set('bare', await start())
      if (name === names.ours) running.set('ours', await start())
    }
    report.line('\nbeside a bare fastify route with the same schema, one row a request, on core 0 in turns\n')
    const widths = [12, 12, 12, 9]
    report.row(['connections', 'bare route', 'modelwatch', 'of it'], widths)
    for (const connections of connectionCounts) {
      const { bare, ours } = await loadInTurns(running, wine, connections)
      report.row([connections, bare.toFixed(0), ours.toFixed(0), percent(ours / bare)], widths)
    }
    report.line('\n  (bar 70 % at 16 connections)')
  } finally {
    for (const { stop } of running.values()) await stop()
  }
}

/** @param alone - Rows a second of onnxruntime in a loop: the requests in turns, and one of them over and over. */
function tellManyRows(
  subjects: readonly Subject[],
  results: Results,
  alone: { readonly inTurns: number; readonly again: number },
  report: Report,
): void {
  const widths = [42, 12, 6, 10, 12, 9, 9, 9]
  report.line(`\n${BATCH_ROWS} rows a request, ${BATCH_CONNECTIONS} connections, ${BATCHES} different requests in turns\n`)
  report.row(['server', 'form', 'cores', 'rows/s', 'requests/s', 'p50 ms', 'p99 ms', 'of alone'], widths)
  const ratios: string[] = []
  for (const { name, cores } of subjects) {
    for (const form of [...results.get(name)!.keys()].filter((key) => typeof key === 'string')) {
      const figure = (key: keyof LoadResult) => of(results, name, form, key)
      const rowsPerSecond = figure('requestsPerSecond') * BATCH_ROWS
      const ratio = percent(rowsPerSecond / alone.inTurns)
      const cells = [figure('requestsPerSecond').toFixed(0), figure('p50Ms').toFixed(2), figure('p99Ms').toFixed(2), ratio]
      report.row([name, form, cores, rowsPerSecond.toFixed(0), ...cells], widths)
      if (name.startsWith('modelwatch')) ratios.push(`${ratio} ${form}, ${cores === 'one' ? 'one core' : 'both cores'}`)
    }
  }
  report.row(['onnxruntime alone, in a loop', '', 'one', alone.inTurns.toFixed(0), '', '', '', ''], widths)
  report.line(`\n  modelwatch, of onnxruntime alone on the same requests in turns (bar 60 %): ${ratios.join('; ')}`)
  report.line(
    `  onnxruntime alone on one of them over and over: ${alone.again.toFixed(0)} rows/s; the processor then knows the trees' ways by heart`,
  )
}

const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`
