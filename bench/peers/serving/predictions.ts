import { request } from 'undici'
import { type LoadResult, load, median } from '../../support/wrk.ts'
import type { Report } from '../lib/report.ts'
import { measureSession } from './inside.ts'
import { type Endpoint, type RunningSubject, type Subject, subjectsOf } from './subjects.ts'
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
const WARM_UP_SECONDS = 2

/** Results of all rounds, by subject and number of connections; `batch` are requests of many rows. */
type Results = Map<string, Map<number | 'batch', LoadResult[]>>

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
  tellManyRows(subjects, results, await measureSession(wine, BATCH_ROWS, seconds), report)
}

async function checkAnswers({ oneRow, manyRows }: RunningSubject, { rows, answers }: Wine): Promise<void> {
  const first = rows.slice(0, 10)
  const singles = await Promise.all(first.map((row) => ask(oneRow, [row])))
  expectEqual(oneRow.url, singles.flat(), answers)
  if (manyRows !== undefined) expectEqual(manyRows.url, await ask(manyRows, rows), answers)
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
  { rows }: Wine,
  seconds: number,
  into: Map<number | 'batch', LoadResult[]>,
) {
  const run = async (key: number | 'batch', endpoint: Endpoint, body: string, connections: number, forSeconds: number) => {
    const result = await load(endpoint.url, body, { connections, seconds: forSeconds })
    // A peer that fails some is shown with them; of ours none may.
    if (result.errors > 0 && name === 'modelwatch') throw new Error(`${endpoint.url}: ${result.errors} requests were not answered 2xx`)
    into.set(key, [...(into.get(key) ?? []), result])
  }
  await load(running.oneRow.url, running.oneRow.body(rows), { connections: 16, seconds: WARM_UP_SECONDS })
  for (const connections of connectionCounts) await run(connections, running.oneRow, running.oneRow.body(rows), connections, seconds)
  if (!isModel || running.manyRows === undefined) return
  const body = running.manyRows.body(rows.slice(0, BATCH_ROWS))
  await load(running.manyRows.url, body, { connections: BATCH_CONNECTIONS, seconds: WARM_UP_SECONDS })
  await run('batch', running.manyRows, body, BATCH_CONNECTIONS, seconds)
}

const of = (results: Results, name: string, key: number | 'batch', figure: keyof LoadResult) =>
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
  const [plain, tuned, , , bare, ours] = subjects.map(({ name }) => name) as [string, ...string[]]
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
    [`${percent(at16(ours!) / at16(bare!))} of the bare route`, '70 %'],
  ]
  for (const [text, bar] of bars) report.line(`  ${text} (bar ${bar})`)
}

function tellManyRows(subjects: readonly Subject[], results: Results, sessionRowsPerSecond: number, report: Report): void {
  const widths = [42, 6, 12, 12, 9, 9]
  report.line(`\n${BATCH_ROWS} rows a request, ${BATCH_CONNECTIONS} connections\n`)
  report.row(['server', 'cores', 'rows/s', 'requests/s', 'p50 ms', 'p99 ms'], widths)
  for (const { name, cores, isModel } of subjects) {
    if (!isModel) continue
    const figure = (key: keyof LoadResult) => of(results, name, 'batch', key)
    const cells = [figure('requestsPerSecond').toFixed(0), figure('p50Ms').toFixed(2), figure('p99Ms').toFixed(2)]
    report.row([name, cores, (figure('requestsPerSecond') * BATCH_ROWS).toFixed(0), ...cells], widths)
  }
  report.row(['onnxruntime alone, in a loop', 'one', sessionRowsPerSecond.toFixed(0), '', '', ''], widths)
  const rowsPerSecond = of(results, 'modelwatch', 'batch', 'requestsPerSecond') * BATCH_ROWS
  report.line(`\n  modelwatch: ${percent(rowsPerSecond / sessionRowsPerSecond)} of onnxruntime alone (bar 60 %)`)
}

const percent = (ratio: number) => `${(ratio * 100).toFixed(1)} %`
