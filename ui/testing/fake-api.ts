import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { parseArgs } from 'node:util'
import { deployedS, evaluateServing, hasSecond } from './fake-serving.ts'
import { binRowsOf, driftRatio, isAlive, psiOf, rowsOf, scenarios, type Vector, values, type World, wander } from './fake-world.ts'

/**
 * A plane made of nothing, to look at the page without models or traffic: it answers the questions of queries.ts, by what they name, with
 * figures that move. `node ui/testing/fake-api.ts --scenario drifting --port 9099`, after `vite build ui`.
 */
export function createFakeApi(scenario: keyof typeof scenarios, { ageS = 3600, uiDir = join(import.meta.dirname, '../../dist/ui') } = {}) {
  const world: World = { scenario: scenarios[scenario], beganS: Math.floor(Date.now() / 1000) - ageS }
  return createServer((request, response) => {
    answer(world, uiDir, request, response).catch((error: unknown) => {
      send(response, 500, { status: 'error', errorType: 'internal', error: String(error) })
    })
  })
}

async function answer(
  world: World,
  uiDir: string,
  request: AsyncIterable<Buffer> & { url?: string | undefined },
  response: ServerResponse,
) {
  const url = new URL(request.url ?? '/', 'http://localhost')
  let body = ''
  for await (const chunk of request) body += chunk.toString()
  const form = new URLSearchParams(body === '' ? url.search : body)
  const nowS = Date.now() / 1000
  switch (url.pathname) {
    case '/api/v1/query': {
      const expr = form.get('query') ?? ''
      if (expr.includes('{}')) return send(response, 400, parseError)
      const s = Number(form.get('time') ?? nowS)
      if (expr === 'time()') return send(response, 200, ok({ resultType: 'scalar', result: [s, String(s)] }))
      const result = evaluate(world, expr, s).map(({ labels, value }) => ({ metric: labels, value: [s, String(value)] }))
      return send(response, 200, ok({ resultType: 'vector', result }))
    }
    case '/api/v1/query_range': {
      const expr = form.get('query') ?? ''
      if (expr.includes('{}')) return send(response, 400, parseError)
      const [start, end, step] = ['start', 'end', 'step'].map((key) => Number(form.get(key))) as [number, number, number]
      return send(response, 200, ok({ resultType: 'matrix', result: matrix(world, expr, start, Math.min(end, nowS), step) }))
    }
    case '/api/v1/targets':
      return send(response, 200, ok({ activeTargets: targets(world, nowS), droppedTargets: [] }))
    case '/api/v1/rules':
      return send(response, 200, ok({ groups: [{ name: 'weather', rules: rules(world, nowS) }] }))
    default:
      return sendFile(response, uiDir, url.pathname)
  }
}

const ok = (data: unknown) => ({ status: 'success', data })
const parseError = {
  status: 'error',
  errorType: 'bad_data',
  error: 'invalid parameter "query": 1:5: parse error: unexpected "}" in label matching, expected identifier',
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }
const policy = "default-src 'self'; base-uri 'none'; object-src 'none'"

async function sendFile(response: ServerResponse, uiDir: string, path: string): Promise<void> {
  const file = join(uiDir, normalize(path === '/' ? '/index.html' : path))
  try {
    const body = await readFile(file)
    response
      .writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream', 'content-security-policy': policy })
      .end(body)
  } catch {
    response.writeHead(404).end('not found')
  }
}

function matrix(world: World, expr: string, start: number, end: number, step: number) {
  const lines = new Map<string, { metric: object; values: [number, string][] }>()
  for (let s = start; s <= end; s += step) {
    for (const { labels, value } of evaluate(world, expr, s)) {
      const key = JSON.stringify(labels)
      const line = lines.get(key) ?? { metric: labels, values: [] }
      line.values.push([s, String(value)])
      lines.set(key, line)
    }
  }
  return [...lines.values()]
}

const target = { job: 'gateway', instance: '127.0.0.1:8000' }

/** What an expression would give at a moment, judged by the metric it names. */
function evaluate(world: World, expr: string, s: number): Vector {
  const model = /model="([^"]*)"/.exec(expr)?.[1] ?? 'weather'
  const scope = { model, revision: 'v1' }
  const lookingBack = expr.includes('last_over_time')
  const alive = isAlive(world, s)
  const drift = driftRatio(world, s)
  const one = (value: number): Vector => (alive ? [{ labels: {}, value }] : [])
  if (s < world.beganS || world.scenario.models.length === 0) return []
  if (expr === 'up') return [{ labels: { __name__: 'up', ...target }, value: alive ? 1 : 0 }]
  if (expr.includes('(up{')) return [{ labels: {}, value: (firing(world, s) && model === 'weather' ? 2 : 0) + (alive ? 0 : 1) }]
  if (!alive && !lookingBack) return []
  const serving = model === 'weather' ? evaluateServing(world, expr, s) : undefined
  if (serving !== undefined) return serving
  const each = (measure: (value: (typeof values)[number]) => number): Vector =>
    values.map((value) => ({ labels: { ...scope, role: value.role, name: value.name }, value: measure(value) }))
  const named = (record: string, vector: Vector) =>
    vector.map(({ labels, value }) => ({ labels: { __name__: `modelwatch:${record}`, ...labels }, value }))
  const bump = model === 'weather' ? drift : 0
  const rows: [RegExp, () => Vector][] = [
    [
      /model_info/,
      () =>
        [...world.scenario.models.map((name) => [name, 'v1'] as const), ...(hasSecond(world, s) ? [['weather', 'v2'] as const] : [])].map(
          ([name, revision]) => ({ labels: { ...target, model: name, revision, framework: 'onnx', kind: 'regression' }, value: 1 }),
        ),
    ],
    [/trained_timestamp/, () => [{ labels: scope, value: world.beganS - 9 * 86_400 }]],
    [
      /deployed_timestamp/,
      () => [
        { labels: scope, value: world.beganS },
        ...(hasSecond(world, s) ? [{ labels: { model, revision: 'v2' }, value: deployedS(world) }] : []),
      ],
    ],
    [
      /reference_error/,
      () =>
        [
          ['mae', 2.07],
          ['rmse', 2.66],
        ].map(([measure, value]) => ({ labels: { name: 'temp_max_tomorrow', measure: String(measure) }, value: Number(value) })),
    ],
    [/reference_rows/, () => [{ labels: scope, value: 1096 }]],
    [/value_info/, () => values.map(({ role, name, unit, type }) => ({ labels: { role, name, unit, type }, value: 1 }))],
    [
      /reference_bin_ratio/,
      () =>
        values.flatMap(({ role, name, bins, reference }) =>
          bins.map((bin, i) => ({ labels: { role, name, bin }, value: reference[i] ?? 0 })),
        ),
    ],
    [
      /value_rows_gate/,
      () => [
        ...named(
          'psi',
          each((value) => psiOf(world, value, s)),
        ),
        ...named(
          'psi_z',
          each((value) => Math.min(40, psiOf(world, value, s) * 30)),
        ),
        ...named(
          'value_rows',
          each(() => rowsOf(world, s)),
        ),
        ...named('psi_gate', [{ labels: { model }, value: 0.2 }]),
      ],
    ],
    [
      /bin_rows/,
      () =>
        values.flatMap((v) =>
          binRowsOf(world, v, s).map(({ bin, rows: value }) => ({ labels: { ...scope, role: v.role, name: v.name, bin }, value })),
        ),
    ],
    [/:psi/, () => each((value) => psiOf(world, value, s))],
    [/code=~"5/, () => one(wander('errors', s, 90) > 0.93 ? 0.004 : 0)],
    [/code=~"4/, () => one(0.001 + 0.002 * wander('refused', s, 60))],
    [/requests_total/, () => one(23 + 4 * wander('rate', s))],
    [/quantile\(0\.5,/, () => one(0.0011 + 0.0003 * wander('p50', s))],
    [/quantile\(0\.95,/, () => one(0.0028 + 0.0008 * wander('p95', s))],
    [/quantile\(0\.99,/, () => one(0.0052 + 0.004 * wander('p99', s) ** 3)],
    [/in_flight/, () => one(wander('flight', s, 5) > 0.8 ? 2 : wander('flight', s, 5) > 0.4 ? 1 : 0)],
    [/^sqrt/, () => quality(world, 2.62 + 0.3 * wander('rmse', s, 40) + 0.8 * bump)],
    [/error_over/, () => quality(world, -0.06 + 0.2 * wander('bias', s, 40) - 0.9 * bump)],
    [/error_abs/, () => quality(world, 2.02 + 0.25 * wander('mae', s, 40) + 0.7 * bump)],
    [/value_bin_total/, () => (world.scenario.labels ? one(0.97) : [])],
    [/labels_total/, () => (world.scenario.labels ? one(23 + 4 * wander('rate', s)) : [])],
  ]
  return rows.find(([pattern]) => pattern.test(expr))?.[1]() ?? []
}

function quality({ scenario }: World, value: number): Vector {
  return scenario.labels ? [{ labels: { name: 'temp_max_tomorrow' }, value }] : []
}

const forS = 30
/** When each value's index passed its gate; undefined while it has not. */
function driftedSinceS(world: World, name: string, nowS: number): number | undefined {
  const value = values.find((one) => one.name === name)!
  const from = world.beganS + world.scenario.driftAtS
  for (let s = from; s <= nowS && s < from + 120; s++) if (psiOf(world, value, s) >= 0.2) return s
  return undefined
}

function firing(world: World, s: number): boolean {
  const since = driftedSinceS(world, 'wind', s)
  return since !== undefined && s - since >= forS
}

function rules(world: World, nowS: number): object[] {
  const alerts = isAlive(world, nowS)
    ? values.flatMap((value) => {
        const sinceS = driftedSinceS(world, value.name, nowS)
        if (sinceS === undefined) return []
        const psi = psiOf(world, value, nowS)
        return [
          {
            labels: {
              alertname: 'ModelwatchDrift',
              model: 'weather',
              revision: 'v1',
              role: value.role,
              name: value.name,
              severity: 'warning',
            },
            annotations: {
              summary: `weather: ${value.role} ${value.name} has drifted`,
              description: `Over the last minute ${value.name} is distributed unlike the training data: PSI ${psi.toFixed(2)}, gate 0.2, over ${Math.round(rowsOf(world, nowS))} rows.`,
            },
            state: nowS - sinceS >= forS ? 'firing' : 'pending',
            activeAt: new Date(sinceS * 1000).toISOString(),
            value: String(psi),
          },
        ]
      })
    : []
  const query =
    'modelwatch:psi{model="weather"} > 0.2 and modelwatch:psi_z{model="weather"} > 3.7 and modelwatch:value_rows{model="weather"} >= 200'
  return [
    { type: 'recording', name: 'modelwatch:psi', query: '…', health: 'ok', lastError: '' },
    { type: 'alerting', name: 'ModelwatchDrift', query, duration: forS, health: 'ok', lastError: '', alerts },
  ]
}

function targets(world: World, nowS: number): object[] {
  const alive = isAlive(world, nowS)
  const never = world.scenario.models.length === 0
  return [
    {
      labels: target,
      scrapeUrl: 'http://127.0.0.1:8000/metrics',
      health: never ? 'unknown' : alive ? 'up' : 'down',
      lastError: alive || never ? '' : 'connect ECONNREFUSED 127.0.0.1:8000',
      lastScrape: never ? '0001-01-01T00:00:00Z' : new Date(Math.floor(nowS / 2) * 2000).toISOString(),
      lastScrapeDuration: 0.0023,
      scrapeInterval: '2s',
    },
  ]
}

if (import.meta.main) {
  const { values: flags } = parseArgs({
    options: { scenario: { type: 'string', default: 'drifting' }, port: { type: 'string', default: '9099' } },
  })
  const scenario = flags.scenario as keyof typeof scenarios
  if (!Object.hasOwn(scenarios, scenario)) throw new Error(`scenario ${scenario} is none of ${Object.keys(scenarios).join(', ')}`)
  createFakeApi(scenario).listen(Number(flags.port), '127.0.0.1', () => console.log(`${scenario}: http://127.0.0.1:${flags.port}/`))
}
