import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeWriteRequest, snappyCompress } from '../surfaces/api/remote-write/testing.ts'
import { apiFamilies } from './api-metrics.ts'
import { startMonitor } from './monitor.ts'
import { monitorFamilies } from './monitor-metrics.ts'
import type { RunningRole } from './running-role.ts'

const quiet = { info() {}, warn() {}, error() {} }
let folder: string
let target: Server
let monitor: RunningRole | undefined
let exposed: string

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mw-monitor-'))
  exposed = '# HELP app_load How busy.\n# TYPE app_load gauge\napp_load{zone="a"} 1\napp_load{zone="b"} 2\n'
  target = createServer((_, response) => response.setHeader('content-type', 'text/plain; version=0.0.4').end(exposed))
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await monitor?.close()
  monitor = undefined
  target.closeAllConnections()
  target.close()
  rmSync(folder, { recursive: true, force: true })
})

const address = () => `127.0.0.1:${(target.address() as AddressInfo).port}`

function writeConfig(): string {
  const file = join(folder, 'prometheus.yml')
  writeFileSync(
    file,
    `
global: { scrape_interval: 200ms, evaluation_interval: 100ms, external_labels: { region: eu } }
rule_files: ['*.rules.yml']
scrape_configs:
  - job_name: app
    static_configs: [{ targets: ['${address()}'], labels: { team: ml } }]
`,
  )
  writeFileSync(
    join(folder, 'app.rules.yml'),
    `
groups:
  - name: app
    rules:
      - record: app:load:sum
        expr: sum by (team) (app_load)
      - record: app:load:double
        expr: app:load:sum * 2
      - alert: TooBusy
        expr: app:load:sum > 10
        for: 300ms
        labels: { severity: page }
        annotations: { summary: 'Load of {{ $labels.team }} in {{ $externalLabels.region }} is {{ $value | printf "%.1f" }}' }
`,
  )
  return file
}

const start = (configFile: string, options = {}) =>
  startMonitor({ configFile, listen: '127.0.0.1:0', storage: { retentionMs: 3_600_000 }, ...options }, { log: quiet })

// biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field.
async function api(path: string, params: Record<string, string> = {}): Promise<any> {
  const response = await fetch(`${monitor!.url}/api/v1/${path}?${new URLSearchParams(params)}`)
  return response.json()
}

async function query(text: string): Promise<[Record<string, string>, string][]> {
  const { data } = await api('query', { query: text })
  return data.result.map((sample: { metric: Record<string, string>; value: [number, string] }) => [sample.metric, sample.value[1]])
}

/** Asks until the answer is as wanted; the last difference is the failure. */
async function eventually(check: () => Promise<void>, withinMs = 8000): Promise<void> {
  const until = performance.now() + withinMs
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (performance.now() > until) throw error
      await delay(20)
    }
  }
}

test('a target is scraped, rules record and alert, and its death is seen', async () => {
  monitor = await start(writeConfig())
  const labels = { instance: address(), job: 'app', team: 'ml' }

  await eventually(async () => expect(await query('up')).toEqual([[{ __name__: 'up', ...labels }, '1']]))
  await eventually(async () => expect(await query('app:load:double')).toEqual([[{ __name__: 'app:load:double', team: 'ml' }, '6']]))
  expect(await query('app_load{zone="a"}')).toEqual([[{ __name__: 'app_load', zone: 'a', ...labels }, '1']])
  expect((await api('metadata', { metric: 'app_load' })).data).toEqual({ app_load: [{ type: 'gauge', help: 'How busy.', unit: '' }] })
  expect((await api('alerts')).data.alerts).toEqual([])

  exposed = 'app_load{zone="a"} 12.5\n'
  await eventually(async () => {
    const { alerts } = (await api('alerts')).data
    expect(alerts).toMatchObject([
      {
        state: 'firing',
        value: '1.25e+01',
        labels: { alertname: 'TooBusy', severity: 'page', team: 'ml' },
        annotations: { summary: 'Load of ml in eu is 12.5' },
      },
    ])
  })
  // It was pending before: its series say so, however seldom one looked.
  expect(await query('count_over_time(ALERTS{alertstate="pending"}[1m]) >= 2')).toHaveLength(1)
  expect(await query('ALERTS')).toEqual([
    [{ __name__: 'ALERTS', alertname: 'TooBusy', alertstate: 'firing', severity: 'page', team: 'ml' }, '1'],
  ])
  // The series of zone b went away with the new body, and at once, not after five minutes.
  expect(await query('app_load{zone="b"}')).toEqual([])

  exposed = 'app_load{zone="a"} 3\n'
  await eventually(async () => expect((await api('alerts')).data.alerts).toEqual([]))
  await eventually(async () => expect(await query('ALERTS')).toEqual([]))

  target.closeAllConnections()
  await new Promise((resolve) => target.close(resolve))
  await eventually(async () => expect(await query('up')).toEqual([[{ __name__: 'up', ...labels }, '0']]))
  expect(await query('app_load')).toEqual([])
  const { activeTargets } = (await api('targets')).data
  expect(activeTargets).toMatchObject([{ health: 'down', labels, scrapePool: 'app', lastError: expect.stringContaining('ECONNREFUSED') }])
  await eventually(async () => expect(await query('app:load:sum')).toEqual([]))
})

test('it tells about itself', async () => {
  monitor = await start(writeConfig())
  await eventually(async () => {
    const text = await (await fetch(`${monitor!.url}/metrics`)).text()
    expect(text).toMatch(/modelwatch_scrapes_total\{outcome="up"\} [1-9]/)
    expect(text).toMatch(/modelwatch_rule_evaluations_total\{outcome="ok"\} [1-9]/)
    expect(text).toMatch(/modelwatch_store_series [1-9]/)
  })
})

test('every figure that is declared is told', async () => {
  monitor = await start(writeConfig(), { storage: { path: join(folder, 'data'), seriesMax: 1234 } })
  for (const path of ['query?query=1', 'query?query=sum(', 'none']) await fetch(`${monitor.url}/api/v1/${path}`)
  const text = await (await fetch(`${monitor.url}/metrics`)).text()
  const declared = Object.values({ ...monitorFamilies, ...apiFamilies }).map(({ name }) => name)
  expect(declared.filter((name) => !new RegExp(`^${name}(?:\\{.*\\})? \\S+$`, 'm').test(text))).toEqual([])
  expect(text).toContain('\nmodelwatch_store_series_max 1234\n')
  for (const code of [200, 400, 404]) expect(text).toContain(`\nmodelwatch_api_requests_total{code="${code}"} 1\n`)
})

test('a port that is taken is an error that names the address, and leaves nothing running', async () => {
  await expect(start(writeConfig(), { listen: address() })).rejects.toMatchObject({
    code: 'MW_LISTEN_ADDRESS_IN_USE',
    message: expect.stringContaining(address()),
  })
})

test('a fault in a rule file is found before anything starts', async () => {
  const config = writeConfig()
  writeFileSync(join(folder, 'bad.rules.yml'), 'groups:\n  - name: g\n    rules:\n      - record: a\n        expr: sum(\n')
  await expect(start(config)).rejects.toMatchObject({
    code: 'MW_CONFIG_INVALID',
    message: expect.stringMatching(/bad\.rules\.yml:5:9: groups\[0\]\.rules\[0\]\.expr: /),
  })
})

test('the page is served beside the API, and its own addresses lead to it', async () => {
  const uiDir = join(folder, 'ui')
  mkdirSync(join(uiDir, 'assets'), { recursive: true })
  writeFileSync(join(uiDir, 'index.html'), '<title>page</title>')
  writeFileSync(join(uiDir, 'assets', 'x-1234.js'), 'export {}')
  monitor = await start(writeConfig(), { uiDir })
  const get = (path: string, accept = 'text/html') => fetch(monitor!.url + path, { headers: { accept } })
  for (const path of ['/', '/index.html', '/models/weather?tab=drift']) {
    const response = await get(path)
    expect([path, response.status, await response.text(), response.headers.get('cache-control')]).toEqual([
      path,
      200,
      '<title>page</title>',
      'no-cache',
    ])
  }
  const asset = await get('/assets/x-1234.js', '*/*')
  expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  expect((await get('/assets/none.js')).status).toBe(404)
  expect((await get('/models/weather', 'application/json')).status).toBe(404)
  expect((await get('/api/v1/none')).status).toBe(404)
  expect((await get('/-/ready')).status).toBe(200)
})

const json = { 'content-type': 'application/json' }

test('samples that were written by remote write are there after a restart, and nothing is written elsewhere', async () => {
  const configFile = writeConfig()
  const before = readdirSync(folder)
  const options = { storage: { path: join(folder, 'data'), retentionMs: 200 * 31_536_000_000 }, enableRemoteWriteReceiver: true }
  monitor = await start(configFile, options)
  const body = new Uint8Array(snappyCompress(encodeWriteRequest([{ labels: [['__name__', 'a']], samples: [[5000, 1]] }])))
  const write = () => fetch(`${monitor!.url}/api/v1/write`, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf' } })
  expect(await write().then(async (answer) => [answer.status, await answer.text()])).toEqual([204, ''])
  expect(await fetch(`${monitor.url}/api/v1/admin/tsdb/wipe`, { method: 'POST', headers: json }).then((answer) => answer.status)).toBe(500)
  await monitor.close()

  monitor = await start(configFile, { ...options, enableAdminApi: true })
  const ask = async () => (await api('query', { query: 'a', time: '10' })).data.result
  expect(await ask()).toEqual([{ metric: { __name__: 'a' }, value: [10, '1'] }])
  expect(await fetch(`${monitor.url}/metrics`).then((answer) => answer.text())).toContain('modelwatch_api_queries_total{outcome="done"} 1')
  expect(await fetch(`${monitor.url}/api/v1/admin/tsdb/wipe`, { method: 'POST', headers: json }).then((answer) => answer.status)).toBe(204)
  expect(await ask()).toEqual([])
  expect(readdirSync(folder).filter((name) => !before.includes(name))).toEqual(['data'])
})

test('a fault that is found late leaves the data folder free', async () => {
  const configFile = writeConfig()
  const storage = { path: join(folder, 'data') }
  const rules = join(folder, 'bad.rules.yml')
  writeFileSync(rules, 'groups: [{ name: g, rules: [{ record: x, expr: "sum(" }] }]')
  await expect(start(configFile, { storage })).rejects.toMatchObject({ code: 'MW_CONFIG_INVALID' })
  rmSync(rules)
  monitor = await start(configFile, { storage })
})

test('a feature nobody knows is told, and the settings are shown under the names of their flags', async () => {
  const warnings: object[] = []
  const log = { ...quiet, warn: (fields: object) => void warnings.push(fields) }
  const options = {
    configFile: writeConfig(),
    listen: '127.0.0.1:0',
    features: ['promql-experimental-functions', 'none'],
    query: { timeoutMs: 5000 },
  }
  monitor = await startMonitor(options, { log })
  expect(warnings).toEqual([{ option: 'none' }])
  expect((await api('status/flags')).data).toMatchObject({
    'enable-feature': 'promql-experimental-functions,none',
    'query.timeout': '5s',
    'storage.path': '',
    'storage.retention.time': '6h',
    'web.enable-admin-api': 'false',
  })
  expect((await api('query', { query: 'mad_over_time(up[5m])' })).status).toBe('success')
})
