import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest'
import { endTree, startProgram } from '../../../test/support/command.ts'
import { findProgram, needs } from '../../../test/support/needs.ts'
import { until } from '../../../test/support/until.ts'
import { freePorts } from '../../../test/support/up.ts'
import { createMemoryStore, STALE_NAN_BITS } from '../../plane/store/index.ts'
import { encodeWriteRequest, snappyCompress, type WireSeries } from './remote-write/testing.ts'
import { createTestApi } from './testing.ts'

/*
 * The same requests to Prometheus and to this API, over the same data: what is answered must be the same, errors and their words included.
 */

const endMs = Math.floor(Date.now() / 60_000) * 60_000 - 60_000
const stepMs = 15_000
const points = 80
const at = (i: number) => endMs - (points - i) * stepMs
const seconds = endMs / 1000

function column(labels: Record<string, string>, value: (i: number) => number | bigint | undefined): WireSeries {
  const samples = Array.from({ length: points }, (_, i) => [at(i), value(i)] as const).filter(
    (one): one is [number, number | bigint] => one[1] !== undefined,
  )
  return { labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)), samples }
}

const data: WireSeries[] = [
  ...['a', 'b', 'c'].map((zone, z) => column({ __name__: 'load', zone, model: 'wine' }, (i) => Math.round(Math.sin(i + z) * 1000) / 100)),
  ...['a', 'b'].map((zone, z) => column({ __name__: 'hits_total', zone }, (i) => (i * (z + 1)) % 50)),
  ...['0.1', '1', '+Inf'].map((le, k) => column({ __name__: 'latency_seconds_bucket', le }, (i) => i * (k + 1))),
  column({ __name__: 'gone', zone: 'a' }, (i) => (i < 40 ? 1 / (i + 1) : i === 40 ? STALE_NAN_BITS : undefined)),
  column({ __name__: 'odd', 'http.status': '200' }, (i) => (i % 3 === 0 ? Number.NaN : Number.POSITIVE_INFINITY)),
  column({ __name__: 'tiny' }, (i) => 1e-9 * i),
]

let ours: string
let theirs: string
let app: FastifyInstance | undefined
let stop: (() => Promise<void>) | undefined

beforeAll(async () => {
  const program = findProgram('prometheus')
  if (program === undefined) return // Each test says so.
  const folder = mkdtempSync(join(tmpdir(), 'mw-oracle-'))
  const config = join(folder, 'prometheus.yml')
  writeFileSync(config, 'global: {}\n')
  const [port] = await freePorts(1)
  const running = startProgram(program, [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.enable-remote-write-receiver',
    '--log.level=error',
  ])
  stop = async () => {
    endTree(running.pid)
    await running.ended
    rmSync(folder, { recursive: true, force: true })
  }
  theirs = `http://127.0.0.1:${port}`
  await until('Prometheus is ready', async () => (await fetch(`${theirs}/-/ready`)).ok)
  const created = await createTestApi(createMemoryStore(), { clock: { now: () => Date.now() }, remoteWrite: { enabled: true } })
  app = created.app
  await app.listen({ host: '127.0.0.1', port: 0 })
  ours = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  for (const url of [theirs, ours]) {
    const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' }
    const body = new Uint8Array(snappyCompress(encodeWriteRequest(data)))
    const answer = await fetch(`${url}/api/v1/write`, { method: 'POST', headers, body })
    expect([url, answer.status, await answer.text()]).toEqual([url, 204, ''])
  }
}, 60_000)
afterAll(async () => {
  await app?.close()
  await stop?.()
})

interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field.
  readonly body: any
}

async function ask(url: string, path: string, form?: string): Promise<Answer> {
  const post = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form ?? '' }
  const answer = await fetch(`${url}/api/v1/${path}`, form === undefined ? {} : post)
  const text = await answer.text()
  return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text.trim() }
}

/** What must be equal: series in any order where none is promised, and no figure of time or speed. */
function comparable({ status, body }: Answer): unknown {
  if (typeof body !== 'object' || status === 405) return { status } // Ours says more than Prometheus.
  const { data, infos, ...rest } = body
  if (data?.resultType === 'vector') data.result.sort((a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  if (data?.stats !== undefined) {
    data.stats = {
      timings: Object.keys(data.stats.timings).sort(),
      samples: Object.keys(data.stats.samples).sort(),
      total: data.stats.samples.totalQueryableSamples,
    }
  }
  const series = Array.isArray(data) && typeof data[0] === 'object' ? data.map((one) => JSON.stringify(one)).sort() : data
  return { status, ...rest, data: series, infos: infos?.toSorted() }
}

async function compare(context: TestContext, path: string, form?: string): Promise<void> {
  needs(context, 'prometheus')
  const [want, got] = await Promise.all([ask(theirs, path, form), ask(ours, path, form)])
  expect(comparable(got)).toEqual(comparable(want))
}

const params = (fields: Record<string, string | number>) =>
  new URLSearchParams(Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)])).toString()
const range = (query: string, more: Record<string, string | number> = {}) =>
  `query_range?${params({ query, start: seconds - 600, end: seconds, step: 15, ...more })}`
const instant = (query: string, more: Record<string, string | number> = {}) => `query?${params({ query, time: seconds, ...more })}`

test.for([
  'query',
  instant('sum('),
  instant('up', { time: 'soon' }),
  instant('up', { timeout: 'x' }),
  instant('up', { limit: -1 }),
  instant('up', { limit: 'x' }),
  instant('up', { lookback_delta: 'x' }),
  instant('load', { limit: 'x', time: 'y' }),
  instant('load'),
  instant('load', { limit: 0 }),
  instant('count(load)', { limit: 1 }),
  instant('load', { lookback_delta: '10s', time: seconds + 60 }),
  instant('load', { lookback_delta: '-5', time: seconds + 60 }),
  instant('load', { time: new Date(endMs - 30_500).toISOString() }),
  instant('sum(rate(hits_total[5m]))', { stats: 'all' }),
  instant('load', { stats: 'true' }),
  instant('gone'),
  instant('odd'),
  instant('tiny'),
  instant('-odd'),
  instant('load[1m]'),
  instant('1e-9'),
  instant('-1.5e22'),
  instant('1e300'),
  instant('0.1 + 0.2'),
  instant('-Inf'),
  instant('-0'),
  instant('"text"'),
  instant('1', { time: '-1.5' }),
  instant('1', { time: '1e3' }),
  instant('1', { time: '1.23456' }),
  instant('1', { time: '2026-02-30T23:59:59Z' }),
  instant('1', { time: '2024-02-29T23:59:59.123456789Z' }),
  instant('1', { time: '2026-02-20T24:00:00Z' }),
  instant('1', { time: '10000-01-01T00:00:00Z' }),
  instant('load', { limit: '9223372036854775807' }),
  instant('load', { limit: '9223372036854775808' }),
  instant('load', { limit: '+2' }),
  instant('load + on() load'),
  instant('hits_total * on(zone) group_left load{zone="a"}'),
  instant('histogram_quantile(0.9, latency_seconds_bucket)'),
  instant('rate(load[5m])'),
  range('load'),
  range('load', { limit: 1 }),
  range('load', { start: 'x', end: 'y', step: 'z', limit: 'w' }),
  range('sum by (zone) (rate(hits_total[2m]))', { stats: 'all' }),
  range('gone', { step: '1m' }),
  range('odd', { step: 60 }),
  range('1', { step: 0.25, start: seconds - 1 }),
  range('1', { step: 1.001 }),
  range('1', { step: 0.6667 }),
  range('1', { step: 2.0079 }),
  range('1', { step: '1e20' }),
  range('1', { step: 'Inf' }),
  range('1', { step: '1m30s' }),
  range('1', { start: seconds - 11_000.5, step: 1 }),
  range('1', { start: seconds - 11_001, step: 1 }),
  range('load', { step: 0 }),
  range('load', { step: -5 }),
  range('load', { step: 'x' }),
  range('load', { start: 0, step: 1 }),
  range('load', { start: seconds + 1 }),
  range('load[5m]'),
  range('"text"'),
  range('sum('),
  'query_range?query=load',
  'query_range?query=load&start=0',
  'query_range?query=load&start=0&end=5',
  'series',
  'series?match[]=load',
  'series?match[]=load&match[]=gone',
  `series?match[]=gone&start=${seconds - 60}`,
  `series?match[]=gone&end=${seconds - 900}`,
  'series?match[]=gone&start=-292273086-05-16T16:47:06Z&end=292277025-08-18T07:12:54.999999999Z',
  'series?match[]={__name__=~".*"}',
  'series?match[]=load&start=x',
  'series?match[]=load&start=5&end=1',
  'series?match[]=load&limit=x&start=q',
  'series?match[]={zone="a"}&limit=100',
  'labels',
  'labels?match[]=load',
  'labels?match[]={zone="a"}&match[]=odd',
  'labels?limit=2',
  'labels?limit=-4',
  'labels?start=5&end=1',
  'labels?match[]={',
  'label/zone/values',
  'label/zone/values?match[]=hits_total',
  'label/__name__/values?match[]={zone="a"}',
  'label/__name__/values?limit=3',
  'label/U__http_2e_status/values',
  'label/a%20b/values',
  'label/U__/values',
  'label/none/values',
  'label/zone/values?match[]={',
  'metadata',
  'metadata?limit=x',
  'metadata?limit_per_metric=x',
  'metadata?limit=-1',
  'metadata?limit=0',
  'metadata?metric=none',
  'format_query',
  `format_query?${params({ query: 'sum(rate(load[5m]))by(zone)/ignoring(zone)group_left()count(load)' })}`,
  'format_query?query=sum(',
  'parse_query?query=load',
  `parse_query?${params({ query: 'sum by (zone) (rate(hits_total{zone="a"}[5m] offset 1m)) > bool 2' })}`,
  'parse_query?query=sum(',
  'query_exemplars?query=load',
  'query_exemplars',
  'query_exemplars?query=load&start=5&end=1',
  'query_exemplars?query=load&start=x',
  'status/tsdb?limit=0',
  'status/tsdb?limit=x',
  'status/walreplay',
  'rules',
  'rules?type=x',
  'rules?exclude_alerts=x',
  'rules?group_limit=0',
  'rules?group_limit=x',
  'rules?group_limit=1',
  'rules?group_limit=1&group_next_token=x',
  'rules?group_next_token=x',
  'rules?match[]={',
  'alerts',
  'alertmanagers',
  'scrape_pools',
  'notifications',
  'targets?state=dropped',
  'targets/metadata',
  'targets/metadata?limit=x',
  'targets/metadata?match_target={',
])('GET %s', (path, context) => compare(context, path))

test.for([
  ['query', { query: 'load', time: seconds }],
  ['query_range', { query: 'sum(load)', start: seconds - 60, end: seconds, step: '15s' }],
  ['series', { 'match[]': 'load', start: seconds - 60, end: seconds }],
  ['labels', { 'match[]': 'load', start: seconds - 60, end: seconds }],
  ['query_exemplars', { query: 'load', start: seconds - 60, end: seconds }],
  ['format_query', { query: 'a+b' }],
  ['admin/tsdb/delete_series', { 'match[]': 'load' }],
  ['admin/tsdb/snapshot', {}],
  ['targets', {}],
  ['label/zone/values', {}],
] as const)('POST %s %o, as Grafana does', ([path, form], context) => compare(context, path, params(form)))

const run = promisify(execFile)

test.for([
  ['query', 'instant', 'URL', 'load', '--time', String(seconds)],
  ['query', 'instant', 'URL', 'sum(', '--time', String(seconds)],
  ['query', 'instant', '--format=json', 'URL', 'sum by (zone) (hits_total)', '--time', String(seconds)],
  ['query', 'range', 'URL', 'sum(rate(hits_total[5m]))', '--start', String(seconds - 300), '--end', String(seconds), '--step', '30s'],
  ['query', 'range', 'URL', 'odd', '--start', String(seconds - 300), '--end', String(seconds), '--step', '30s'],
  ['query', 'series', 'URL', '--match', 'load', '--match', 'odd', '--start', String(seconds - 300), '--end', String(seconds)],
  ['query', 'labels', 'URL', 'zone', '--match', 'load', '--start', String(seconds - 300), '--end', String(seconds)],
  ['query', 'labels', 'URL', '__name__', '--start', String(seconds - 1200), '--end', String(seconds)],
])('promtool %o', async (args, context) => {
  needs(context, 'prometheus')
  const promtool = needs(context, 'promtool')
  const lines = async (url: string) => {
    const { stdout, stderr, code } = await run(
      promtool,
      args.map((arg) => (arg === 'URL' ? url : arg)),
    ).catch((error) => error)
    return { lines: `${stdout}${stderr}`.split('\n').sort(), code }
  }
  expect(await lines(ours)).toEqual(await lines(theirs))
})
