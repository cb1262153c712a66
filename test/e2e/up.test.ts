import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAlive, runCommand, untilGone } from '../support/command.ts'
import { getJson, queryPlane, soleValue } from '../support/plane.ts'
import { until } from '../support/until.ts'
import { freePorts, releasePort, startUp, takePort, type Up } from '../support/up.ts'

const portOf = (url: string) => Number(new URL(url).port)

/** Nothing of it runs any more, and its ports can be had. */
async function expectNothingLeft(up: Up, pids: readonly number[]): Promise<void> {
  expect(pids.filter(isAlive)).toEqual([])
  for (const url of [up.gatewayUrl, up.monitorUrl]) await releasePort(await takePort(portOf(url)))
}

describe('modelwatch up', () => {
  let up: Up
  beforeAll(async () => {
    up = await startUp()
  })
  afterAll(() => up?.dispose())

  test('the first lines say where to look, and what is replayed', () => {
    const { firstLines, gatewayUrl, monitorUrl } = up
    expect(firstLines).toMatch(/^modelwatch \d+\.\d+\.\d+ starts /)
    expect(firstLines).toMatch(new RegExp(`page +${monitorUrl}`))
    expect(firstLines).toMatch(new RegExp(`API docs +${gatewayUrl}/docs`))
    expect(firstLines).toMatch(new RegExp(`metrics +${gatewayUrl}/metrics`))
    expect(firstLines).toMatch(/replays held-out days of Seattle.* to the model weather: 365 rows, 10 a second; .* follow 5s later/)
  })

  test('every address of the first lines answers', async () => {
    const { gatewayUrl, monitorUrl } = up
    const page = await fetch(monitorUrl, { headers: { accept: 'text/html' } })
    expect(page.headers.get('content-type')).toContain('text/html')
    expect(await page.text()).toContain('<title>')
    expect((await fetch(`${gatewayUrl}/docs`)).status).toBe(200)
    expect(await (await fetch(`${gatewayUrl}/metrics`)).text()).toContain('modelwatch_value_bin_total{')
    expect((await fetch(`${gatewayUrl}/health/ready`)).status).toBe(200)
  })

  test('both targets are up', async () => {
    await until('up is 1 for both', async () => {
      const samples = await queryPlane(up.monitorUrl, 'up')
      return samples.length === 2 && samples.every(({ value }) => value === 1)
    })
  })

  test('predictions are answered, and labelled a little later', async () => {
    const count = (expr: string) => soleValue(up.monitorUrl, `sum(${expr})`)
    const before = await until('the first predictions are seen', () => count('modelwatch_requests_total{api="predict",code="200"}'))
    await until('more of them', async () => ((await count('modelwatch_requests_total{api="predict",code="200"}')) ?? 0) > before)
    await until('labels match', async () => ((await count('modelwatch_labels_total{outcome="matched"}')) ?? 0) > 0)
  })

  test('a prediction by hand: named fields in, the answer and its id out', async () => {
    const row = { precipitation: 0, temp_max: 12.8, temp_min: 5, wind: 4.7, weather: 'drizzle', day_of_year: 1 }
    const ask = (body: object) =>
      fetch(`${up.gatewayUrl}/v1/models/weather/predict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const good = await ask(row)
    expect(good.status).toBe(200)
    const text = await good.text()
    expect(text).toContain('prediction_id')
    expect(text).toContain('temp_max_tomorrow')
    const bad = await ask({ ...row, wind: '4.7' })
    expect(bad.status).toBe(422)
    expect(await bad.text()).toContain('wind')
  })

  test('a gateway that is killed is started anew, and all goes on', async () => {
    const { serve, monitor } = up.roles()
    const startedSeconds = () => soleValue(up.monitorUrl, 'process_start_time_seconds{job="gateway"}')
    const before = (await startedSeconds())!
    process.kill(serve, 'SIGKILL')
    await until('the supervisor says so', () => /the gateway ended unexpectedly \(SIGKILL\); it is started anew/.test(up.process.stdout()))
    await until('it is ready again', async () => (await fetch(`${up.gatewayUrl}/health/ready`)).ok)
    const after = up.roles()
    expect(after.serve).not.toBe(serve)
    expect(after.monitor).toBe(monitor)
    // The new process counts from nothing: what the page asks for must rise again all the same.
    await until('the monitor sees predictions of the new one', async () => {
      const [started, health, rate] = await Promise.all([
        startedSeconds(),
        soleValue(up.monitorUrl, 'up{job="gateway"}'),
        soleValue(up.monitorUrl, 'sum(rate(modelwatch_requests_total{api="predict",code="200"}[5s]))'),
      ])
      return started !== undefined && started > before && health === 1 && rate !== undefined && rate > 5
    })
    const { data } = await getJson<{ data: { alerts: unknown[] } }>(`${up.monitorUrl}/api/v1/alerts`)
    expect(data.alerts).toEqual([])
  })

  test('Ctrl-C stops everything, and says so', async () => {
    const pids = [up.process.pid, ...Object.values(up.roles())]
    expect(pids.every(isAlive)).toBe(true)
    const { code, stdout, stderr } = await up.stop('SIGINT')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.trimEnd().split('\n').slice(-2)).toEqual(['stopping …', 'stopped'])
    await expectNothingLeft(up, pids)
  })
})

describe('its history', () => {
  const count = (up: Up) => soleValue(up.monitorUrl, 'count_over_time(up{job="gateway"}[10m])')

  test('outlives a stop and a kill, and a second one on the same folder is refused', async () => {
    let up = await startUp()
    try {
      const first = await until('some scrapes', async () => {
        const scrapes = await count(up)
        return scrapes !== undefined && scrapes >= 3 && scrapes
      })
      await up.stop()
      up = await startUp(up)
      expect(await count(up)).toBeGreaterThanOrEqual(first)

      const { monitor } = up.roles()
      const before = (await count(up))!
      process.kill(monitor, 'SIGKILL')
      await until('the monitor is back, with what it had', async () => ((await count(up)) ?? 0) >= before && up.roles().monitor !== monitor)

      const [gateway, page] = await freePorts(2)
      const portOf = (url: string) => new URL(url).port
      up.edit('modelwatch.yaml', (text) =>
        text.replace(portOf(up.gatewayUrl), String(gateway)).replace(portOf(up.monitorUrl), String(page)),
      )
      const { code, stderr } = await runCommand(['up', up.dir])
      expect(code).toBe(1)
      expect(stderr).toMatch(
        new RegExp(
          `^error the data folder ${up.path('tsdb')} is in use by the process with pid ${up.roles().monitor}\n +.*MW_STORE_FOLDER_LOCKED`,
        ),
      )
    } finally {
      up.dispose()
    }
  })
})

describe('other ends', () => {
  test.concurrent('SIGTERM stops as Ctrl-C does', async ({ expect }) => {
    const up = await startUp()
    try {
      const pids = [up.process.pid, ...Object.values(up.roles())]
      const { code, stdout } = await up.stop('SIGTERM')
      expect(code).toBe(0)
      expect(stdout).toMatch(/stopping …\nstopped\n$/)
      await expectNothingLeft(up, pids)
    } finally {
      up.dispose()
    }
  })

  test.concurrent('roles whose supervisor is killed end by themselves', async () => {
    const up = await startUp()
    try {
      const pids = Object.values(up.roles())
      process.kill(up.process.pid, 'SIGKILL')
      await untilGone(pids)
      await expectNothingLeft(up, pids)
    } finally {
      up.dispose()
    }
  })
})
