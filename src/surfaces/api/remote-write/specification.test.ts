import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findProgram, needs } from '../../../../test/support/needs.ts'
import { type PrometheusServer, startPrometheus } from '../../../../test/support/prometheus.ts'
import { createMemoryStore, STALE_NAN_BITS } from '../../../plane/store/index.ts'
import { createTestApi } from '../testing.ts'
import { encodeWriteRequest, snappyCompress, type WireMetadata, type WireSeries } from './testing.ts'

/*
 * What the specification of remote write 1.0 asks of a receiver, row by row, over HTTP; and the same requests to Prometheus, which must answer with the
 * same status unless the row says which one. See https://prometheus.io/docs/specs/prw/remote_write_spec/
 */

const nowMs = Math.floor(Date.now() / 1000) * 1000
const usual = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '0.1.0' }

interface Row {
  readonly why: string
  readonly series?: readonly WireSeries[]
  readonly metadata?: readonly WireMetadata[]
  /** In place of series. */
  readonly body?: Uint8Array
  readonly headers?: Record<string, string>
  readonly method?: string
  readonly status: number
  /** Where Prometheus answers otherwise: refused samples of a request take the others along, or are dropped without a word. */
  readonly prometheus?: number
  /** Series of the metric that are there afterwards: their labels and values. */
  readonly stored?: readonly (readonly [labels: Record<string, string>, values: readonly string[]])[]
}

let metrics = 0
/** A name that no other row has. */
const metric = () => `rw_${++metrics}_total`
const one = (labels: Record<string, string>, ...samples: [number | bigint, number | bigint][]): WireSeries => ({
  labels: Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)),
  samples: samples.length > 0 ? samples : [[nowMs, 1]],
})
/** Rows about one metric of their own. */
const about = (build: (name: string) => Omit<Row, 'why'>, why: string): Row => ({ why, ...build(metric()) })
const raw = (labels: WireSeries['labels']): WireSeries => ({ labels, samples: [[nowMs, 1]] })

const rows: Row[] = [
  about((name) => ({ series: [one({ __name__: name })], status: 204, stored: [[{ __name__: name }, ['1']]] }), 'one sample'),
  about(
    (name) => ({
      series: [one({ __name__: name, job: 'a' }), one({ __name__: name, job: 'b' }, [nowMs, 2])],
      status: 204,
      stored: [
        [{ __name__: name, job: 'a' }, ['1']],
        [{ __name__: name, job: 'b' }, ['2']],
      ],
    }),
    'several series',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name }, [nowMs - 2000, 1], [nowMs - 1000, 2], [nowMs, 3])],
      status: 204,
      stored: [[{ __name__: name }, ['1', '2', '3']]],
    }),
    'several samples, oldest first',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name }, [nowMs - 2000, 1]), one({ __name__: name }, [nowMs - 1000, 2])],
      status: 204,
      stored: [[{ __name__: name }, ['1', '2']]],
    }),
    'a series in two parts',
  ),
  about(
    (name) => ({ series: [one({ __name__: name }, [nowMs, Number.NaN])], status: 204, stored: [[{ __name__: name }, ['NaN']]] }),
    'NaN',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name }, [nowMs - 1000, Number.POSITIVE_INFINITY], [nowMs, Number.NEGATIVE_INFINITY])],
      status: 204,
      stored: [[{ __name__: name }, ['+Inf', '-Inf']]],
    }),
    'infinities',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name }, [nowMs - 1000, -0], [nowMs, 5e-324])],
      status: 204,
      stored: [[{ __name__: name }, ['-0', '5e-324']]],
    }),
    'minus zero, and the smallest number',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name }, [nowMs - 1000, 1], [nowMs, STALE_NAN_BITS])],
      status: 204,
      stored: [[{ __name__: name }, ['1']]],
    }),
    'a staleness marker ends the series',
  ),
  about(
    (name) => ({ series: [one({ __name__: name }, [nowMs, 0x7ff8000000abcdefn])], status: 204, stored: [[{ __name__: name }, ['NaN']]] }),
    'a NaN with a payload is an ordinary NaN',
  ),
  about((name) => ({ series: [{ ...one({ __name__: name }), samples: [] }], status: 204, stored: [] }), 'a series without samples'),
  { why: 'an empty request', series: [], status: 204 },
  about(
    (name) => ({
      series: [one({ __name__: name, zone: 'Zürich ☃ 𝄞', 'http.status': '200' })],
      status: 204,
      stored: [[{ __name__: name, zone: 'Zürich ☃ 𝄞', 'http.status': '200' }, ['1']]],
    }),
    'UTF-8 in values and in names',
  ),
  about(
    (name) => ({
      series: [
        raw([
          ['__name__', name],
          ['empty', ''],
          ['zone', 'a'],
        ]),
      ],
      status: 204,
      stored: [[{ __name__: name, zone: 'a' }, ['1']]],
    }),
    'a label with an empty value is no label',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name, ...Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`l${i}`, 'v'.repeat(i)])) })],
      status: 204,
    }),
    'many labels',
  ),
  about((name) => ({ series: [one({ __name__: name, long: 'x'.repeat(100_000) })], status: 204 }), 'a label of 100,000 characters'),
  about(
    (name) => ({ series: [{ ...one({ __name__: name }), exemplars: 1 }], status: 204, stored: [[{ __name__: name }, ['1']]] }),
    'a sample with an exemplar',
  ),
  about((name) => ({ metadata: [{ type: 1, metric: name, help: 'Help.', unit: '' }], status: 204 }), 'metadata alone'),
  about(
    (name) => ({
      series: [one({ __name__: name })],
      metadata: [{ type: 1, metric: name, help: 'Help.' }],
      status: 204,
      stored: [[{ __name__: name }, ['1']]],
    }),
    'metadata with samples',
  ),
  about((name) => ({ metadata: [{ type: 99, metric: name }], status: 204 }), 'metadata of a type nobody knows'),
  about(
    (name) => ({
      series: [one({ __name__: name }, [nowMs, 1]), one({ __name__: name }, [nowMs, 1])],
      status: 204,
      stored: [[{ __name__: name }, ['1']]],
    }),
    'the same sample again is no fault',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name }, [nowMs, 1], [nowMs, 2])],
      status: 400,
      stored: [[{ __name__: name }, ['1']]],
      prometheus: 204,
    }),
    'another value for the same time',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name }, [nowMs, 1], [nowMs - 1000, 2])],
      status: 400,
      prometheus: 204,
      stored: [[{ __name__: name }, ['1']]],
    }),
    'out of order',
  ),
  about((name) => ({ series: [one({ __name__: name }, [nowMs + 3_600_000, 1])], status: 400, stored: [] }), 'an hour ahead'),
  about((name) => ({ series: [one({ __name__: name }, [2n ** 63n - 1n, 1])], status: 400, stored: [] }), 'the end of time'),
  about((name) => ({ series: [one({ __name__: name }, [2n ** 53n + 1n, 1])], status: 400, stored: [] }), 'a time that no double holds'),
  about((name) => ({ series: [one({ __name__: name }, [-(2n ** 63n), 1])], status: 400, stored: [] }), 'the beginning of time'),
  { why: 'no labels at all', series: [raw([])], status: 400, prometheus: 204 },
  { why: 'no name', series: [raw([['job', 'a']])], status: 400, prometheus: 204 },
  {
    why: 'an empty name',
    series: [
      raw([
        ['__name__', ''],
        ['job', 'a'],
      ]),
    ],
    status: 400,
    prometheus: 204,
  },
  about(
    (name) => ({
      series: [
        raw([
          ['__name__', name],
          ['', 'a'],
        ]),
      ],
      status: 400,
      prometheus: 204,
      stored: [],
    }),
    'a label without a name',
  ),
  about(
    (name) => ({
      series: [
        raw([
          ['__name__', name],
          ['a', '1'],
          ['a', '2'],
        ]),
      ],
      status: 400,
      prometheus: 204,
      stored: [],
    }),
    'a label twice',
  ),
  about(
    (name) => ({
      series: [
        raw([
          ['__name__', name],
          ['b', '1'],
          ['a', '2'],
        ]),
      ],
      status: 400,
      prometheus: 204,
      stored: [],
    }),
    'labels out of order',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name }), raw([['job', 'a']]), one({ __name__: name, job: 'b' })],
      status: 400,
      prometheus: 204,
      stored: [
        [{ __name__: name }, ['1']],
        [{ __name__: name, job: 'b' }, ['1']],
      ],
    }),
    'one series that is wrong leaves the others where they are',
  ),
  about(
    (name) => ({
      series: [one({ __name__: name, job: 'a' }), { ...one({ __name__: name, job: 'h' }), samples: [], histograms: 1 }],
      status: 400,

      stored: [[{ __name__: name, job: 'a' }, ['1']]],
    }),
    'a native histogram is refused by name, and the floats beside it are kept',
  ),
  { why: 'no version header', series: [one({ __name__: metric() })], headers: { 'x-prometheus-remote-write-version': '' }, status: 204 },
  {
    why: 'a version nobody has',
    series: [one({ __name__: metric() })],
    headers: { 'x-prometheus-remote-write-version': '9.9.9' },
    status: 204,
  },
  {
    why: 'the message named',
    series: [one({ __name__: metric() })],
    headers: { 'content-type': 'application/x-protobuf;proto=prometheus.WriteRequest' },
    status: 204,
  },
  {
    why: 'the message of 2.0',
    series: [],
    headers: { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request' },
    status: 415,
    prometheus: 204,
  },
  { why: 'a message nobody knows', series: [], headers: { 'content-type': 'application/x-protobuf;proto=x.y' }, status: 415 },
  { why: 'JSON', body: Buffer.from('{}'), headers: { 'content-type': 'application/json' }, status: 415 },
  { why: 'no encoding named', series: [one({ __name__: metric() })], headers: { 'content-encoding': '' }, status: 204 },
  { why: 'gzip', body: gzipSync(encodeWriteRequest([one({ __name__: metric() })])), headers: { 'content-encoding': 'gzip' }, status: 415 },
  {
    why: 'zstd',
    body: zstdCompressSync(encodeWriteRequest([one({ __name__: metric() })])),
    headers: { 'content-encoding': 'zstd' },
    status: 415,
  },
  {
    why: 'an encoding in capitals',
    series: [one({ __name__: metric() })],
    headers: { 'content-encoding': 'SNAPPY' },
    status: 204,
  },
  { why: 'not compressed', body: encodeWriteRequest([one({ __name__: metric() })]), status: 400 },
  { why: 'no body', body: Buffer.alloc(0), status: 400 },
  { why: 'a body that is cut off', body: snappyCompress(encodeWriteRequest([one({ __name__: metric() })])).subarray(0, -3), status: 400 },
  { why: 'no protobuf', body: snappyCompress(Buffer.from([0x0a, 0xff, 0xff])), status: 400 },
  { why: 'GET', body: Buffer.alloc(0), method: 'GET', status: 405 },
]

let ours: string
let theirs: PrometheusServer | undefined
const folder = mkdtempSync(join(tmpdir(), 'mw-rw-'))
let close: (() => Promise<void>) | undefined

beforeAll(async () => {
  const { app } = await createTestApi(createMemoryStore(), { clock: { now: () => Date.now() }, remoteWrite: { enabled: true } })
  await app.listen({ host: '127.0.0.1', port: 0 })
  close = () => app.close()
  ours = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  const program = findProgram('prometheus')
  if (program === undefined) return // The test that wants it says so.
  writeFileSync(join(folder, 'prometheus.yml'), 'global: {}\n')
  theirs = await startPrometheus(program, join(folder, 'prometheus.yml'), [
    '--web.enable-remote-write-receiver',
    '--enable-feature=native-histograms',
  ])
}, 60_000)
afterAll(async () => {
  await close?.()
  await theirs?.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function send(url: string, { series = [], metadata = [], body, headers = {}, method = 'POST' }: Row) {
  const content = body ?? snappyCompress(encodeWriteRequest(series, metadata))
  const given = Object.fromEntries(Object.entries({ ...usual, ...headers }).filter(([, value]) => value !== ''))
  const answer = await fetch(`${url}/api/v1/write`, {
    method,
    headers: given,
    ...(method === 'GET' ? {} : { body: new Uint8Array(content) }),
  })
  return { status: answer.status, text: await answer.text() }
}

/** What a series selector of an hour gives. */
async function read(url: string, name: string) {
  const query = new URLSearchParams({ query: `${name}[1h]`, time: String(nowMs / 1000 + 1) })
  const { data } = (await (await fetch(`${url}/api/v1/query?${query}`)).json()) as {
    data: { result: { metric: Record<string, string>; values?: [number, string][] }[] }
  }
  return data.result.map(({ metric, values = [] }) => [metric, values.map(([, value]) => value)])
}
const nameOf = ({ stored, series = [] }: Row) =>
  stored === undefined ? undefined : series.flatMap(({ labels }) => labels).find(([name]) => name === '__name__')?.[1]

test.for(rows)('$why: $status', async (row) => {
  const { status, text } = await send(ours, row)
  expect([status, text]).toEqual([row.status, row.status === 204 ? '' : expect.stringMatching(/./)])
  const name = nameOf(row)
  if (name !== undefined) expect((await read(ours, name)).sort()).toEqual([...row.stored!].sort())
})

test.for(rows)('Prometheus: $why', async (row, ctx) => {
  needs(ctx, 'prometheus')
  expect((await send(theirs!.url, row)).status).toBe(row.prometheus ?? row.status)
  const name = nameOf(row)
  // What Prometheus takes it keeps as we do.
  if (name !== undefined && row.prometheus === undefined && row.status === 204)
    expect((await read(theirs!.url, name)).sort()).toEqual([...row.stored!].sort())
})
