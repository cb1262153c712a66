import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join, sep } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { almostEqual } from '../../src/plane/promql/testing.ts'
import { STALE_NAN_BITS } from '../../src/plane/store/index.ts'
import { encodeWriteRequest, snappyLiterals, type WireSeries } from '../../src/surfaces/api/remote-write/testing.ts'
import { descendantsOf, startProgram } from '../support/command.ts'
import { createMonitorFolder, type MonitorProcess, openFlags, startMonitorCommand } from '../support/monitor.ts'
import { needs } from '../support/needs.ts'
import { root } from '../support/source-files.ts'
import { until } from '../support/until.ts'
import { freePorts } from '../support/up.ts'

const shared = join(root, '../shared/conformance')
const folder = createMonitorFolder()
let monitor: MonitorProcess
beforeAll(async () => {
  monitor = await startMonitorCommand(folder.dir, openFlags, folder.cwd)
})
afterAll(() => {
  monitor?.dispose()
  folder.remove()
})

interface Eval {
  readonly file: string
  readonly line: number
  readonly expr: string
  /** What is wrong with the answer; null when nothing is. */
  readonly miss: string | null
}

test('every eval without native histograms passes, asked over HTTP', async (ctx) => {
  needs(ctx, '../shared')
  const python = needs(ctx, 'python3')
  const scripts = join(shared, 'promqltest/v3.5.3')
  const results = join(folder.cwd, '..', 'results.json')
  const server =
    'exec npx modelwatch monitor --config.file {dir}/prometheus.yml --storage.path {dir}/data --web.listen-address 127.0.0.1:{port}' +
    ` ${openFlags.join(' ')}`
  const { stdout, stderr } = await startProgram(python, [
    join(shared, 'run/promqltest.py'),
    ...['--manifest', join(scripts, 'manifest.tsv'), '--wipe', '/api/v1/admin/tsdb/wipe', '--server', server, '--json', results],
    ...readdirSync(scripts)
      .filter((name) => name.endsWith('.test'))
      .map((name) => join(scripts, name)),
  ]).ended
  expect(existsSync(results), stdout + stderr).toBe(true)
  const evals = JSON.parse(readFileSync(results, 'utf8')) as Eval[]
  const histograms = new Set(
    readFileSync(join(scripts, 'manifest.tsv'), 'utf8')
      .split('\n')
      .map((row) => row.split('\t'))
      .filter(([, , , tags = '']) => tags.split(',').some((tag) => tag === 'nh' || tag === 'nhcb'))
      .map(([file, line]) => `${file}:${line}`),
  )
  const floats = evals.filter(({ file, line }) => !histograms.has(`${file}:${line}`))
  expect(floats.filter(({ miss }) => miss !== null)).toEqual([])
  expect([floats.length, evals.length]).toEqual([487, 669])
})

interface Answer {
  readonly status: string
  readonly resultType: string
  readonly result: unknown
  readonly error?: string
  readonly warnings?: readonly string[]
  readonly infos?: readonly string[]
}

const linesOf = (name: string) =>
  gunzipSync(readFileSync(join(shared, 'promql-compliance', name)))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

async function write(series: readonly WireSeries[]): Promise<void> {
  const reply = await fetch(`${monitor.url}/api/v1/write`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
    body: new Uint8Array(snappyLiterals(encodeWriteRequest(series))),
  })
  expect([reply.status, await reply.text()]).toEqual([204, ''])
}

async function ask(path: string, form: Record<string, string>): Promise<Answer> {
  const reply = await fetch(`${monitor.url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(form) })
  const { data, ...rest } = (await reply.json()) as Record<string, unknown>
  return { ...rest, ...(data as object) } as unknown as Answer
}

/** Every point under its series and time, so that series may come in any order. */
function pointsOf({ resultType, result }: Answer): Map<string, number> {
  const points = new Map<string, number>()
  const add = (metric: object, [time, value]: readonly [number, string]) =>
    points.set(`${JSON.stringify(Object.entries(metric).sort())}@${time}`, Number(value.replace('Inf', 'Infinity')))
  if (resultType === 'scalar') add({}, result as [number, string])
  else
    for (const { metric, value, values } of result as { metric: object; value?: [number, string]; values?: [number, string][] }[])
      for (const point of values ?? [value!]) add(metric, point)
  return points
}

/** @returns what is wrong with an answer, '' being nothing. */
function judge(got: Answer, want: Answer): string {
  if (got.status !== want.status || got.error !== want.error) return `${got.status} ${got.error}`
  if (got.status === 'error') return ''
  const notes = (answer: Answer) => JSON.stringify([answer.warnings ?? [], answer.infos ?? []])
  if (notes(got) !== notes(want)) return notes(got)
  const [points, wanted] = [pointsOf(got), pointsOf(want)]
  if (points.size !== wanted.size) return `${points.size} points in place of ${wanted.size}`
  for (const [key, value] of wanted) {
    const other = points.get(key)
    if (other === undefined || !almostEqual(value, other, 1e-9)) return `${key} is ${other} in place of ${value}`
  }
  return ''
}

test('the differential queries are answered as Prometheus answered them, over HTTP', async (ctx) => {
  needs(ctx, '../shared')
  const [head, ...series] = linesOf('dataset.jsonl.gz')
  await write(
    series.map(({ labels, values }: { labels: Record<string, string>; values: (number | string | null)[] }) => ({
      labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)),
      samples: values.flatMap((value, i): [number, number | bigint][] =>
        value === null ? [] : [[head.base_ms + i * head.step_ms, value === 'stale' ? STALE_NAN_BITS : Number(value)]],
      ),
    })),
  )
  const wrong: string[] = []
  const golden = linesOf('golden-half-prom3.5.3.jsonl.gz')
  for (const { query, start, end, step, range, instant } of golden) {
    const verdicts = [
      judge(await ask('query_range', { query, start, end, step }), range),
      judge(await ask('query', { query, time: end }), instant),
    ]
    for (const verdict of verdicts) if (verdict !== '') wrong.push(`${query}: ${verdict}`)
  }
  expect(wrong).toEqual([])
  expect(golden.length).toBe(270)
})

/** Files that a process may write to at this moment. */
function writtenFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      const flags = Number.parseInt(/flags:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))![1]!, 8)
      const path = readlinkSync(`/proc/${pid}/fd/${fd}`)
      return (flags & 3) !== 0 && path.startsWith(sep) && !path.startsWith('/dev/') ? [path] : []
    } catch {
      return [] // Closed between two looks.
    }
  })
}

test('it starts nothing else, and writes nowhere else', { timeout: 60_000 }, async () => {
  const home = createMonitorFolder()
  const [port] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const running = startProgram(
    process.execPath,
    [
      join(root, 'bin/modelwatch.js'),
      ...['monitor', '--config.file', join(home.dir, 'prometheus.yml'), '--storage.path', join(home.dir, 'data')],
      ...['--web.listen-address', `127.0.0.1:${port}`, ...openFlags],
    ],
    { cwd: home.cwd, env: { HOME: home.cwd, TMPDIR: home.cwd, XDG_CACHE_HOME: home.cwd } },
  )
  try {
    await until('it is ready', async () => (await fetch(`${url}/-/ready`)).ok)
    const post = (path: string, body: string | URLSearchParams | Uint8Array<ArrayBuffer>, type: string) =>
      fetch(`${url}${path}`, { method: 'POST', body, headers: { 'content-type': type } }).then(({ status }) => status)
    const sample = encodeWriteRequest([{ labels: [['__name__', 'a']], samples: [[1000, 1]] }])
    const done = async () => [
      await post('/api/v1/write', new Uint8Array(snappyLiterals(sample)), 'application/x-protobuf'),
      await post('/api/v1/query', new URLSearchParams({ query: 'a', time: '2' }), 'application/x-www-form-urlencoded'),
      await post('/api/v1/admin/tsdb/snapshot', '', 'text/plain'),
      await post('/api/v1/admin/tsdb/wipe', '', 'text/plain'),
      await post('/api/v1/write', new Uint8Array(snappyLiterals(sample)), 'application/x-protobuf'),
    ]
    expect(await done()).toEqual([204, 200, 200, 204, 204])
    expect(descendantsOf(running.pid)).toEqual([])
    expect(writtenFiles(running.pid).filter((path) => !path.startsWith(`${home.dir}/data/`))).toEqual([])
    running.kill('SIGTERM')
    const { code } = await running.ended
    expect(code).toBe(0)
    expect(readdirSync(home.dir).sort()).toEqual(['data', 'prometheus.yml'])
    expect(readdirSync(home.cwd)).toEqual([])
  } finally {
    running.kill('SIGKILL')
    await running.ended
    home.remove()
  }
})
