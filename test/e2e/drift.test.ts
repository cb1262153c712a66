import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, openTab, type Tab } from '../support/browser.ts'
import { endTree, isAlive, type Running, startCommand } from '../support/command.ts'
import { findProgram, needs } from '../support/needs.ts'
import { alertsOf, labelKey, type PlaneAlert, queryPlane, soleValue } from '../support/plane.ts'
import { type PrometheusServer, startPrometheus } from '../support/prometheus.ts'
import { root } from '../support/source-files.ts'
import { until } from '../support/until.ts'
import { startUp, type Up } from '../support/up.ts'

/*
 * The story the example tells, from beginning to end, on one running system: all is well; then days of New York come, the page shows what
 * drifts, and alerts go pending, then firing. A real Prometheus watches the same gateway by the same files, and must come to the same answers.
 * The tests stand in the order of the story; each needs those before it.
 */

const desk = { width: 1440, height: 1250 }
const phone = { width: 390, height: 844 }
const DRIFT_MS_MAX = 120_000
/** Rows a second of New York; Seattle's ten go on beside them. */
const NEW_YORK_RATE = 300
const WINDOW_SECONDS = 60

const keepScreenshots = process.env.MODELWATCH_KEEP_SCREENSHOTS === '1'
const results = join(root, 'test-results')
const pictures = keepScreenshots ? join(root, 'docs/images') : results
const PICTURE_BYTES_MAX = 300_000

let up: Up
let browser: Browser
let tab: Tab
let newYork: Running | undefined
let newYorkMs = 0
let prometheus: PrometheusServer | undefined

beforeAll(async () => {
  up = await startUp()
  const program = findProgram('prometheus')
  browser = await launchBrowser()
  if (program !== undefined) prometheus = await startPrometheus(program, up.path('prometheus.yml'))
  tab = await openTab(browser, up.monitorUrl, desk)
})

afterAll(async () => {
  await browser?.close()
  if (newYork !== undefined && isAlive(newYork.pid)) endTree(newYork.pid)
  await prometheus?.stop()
  up?.dispose()
})

const verdict = () => tab.page.locator('h1#verdict').innerText()
const figureOf = (title: string) =>
  tab.page.locator('.tile', { has: tab.page.getByRole('heading', { name: title }) }).locator('.figure strong')
const rowOf = (key: string) => tab.page.locator(`[id="${key}"]`)
const psiOf = (name: string) => soleValue(up.monitorUrl, `modelwatch:psi{role="input",name="${name}"}`)

async function picture(page: Tab['page'], name: string, folder = pictures): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, name)
  await page.screenshot({ path })
  if (keepScreenshots) expect(statSync(path).size).toBeLessThan(PICTURE_BYTES_MAX)
}

test('held-out days: the page says healthy, and its numbers move', async () => {
  await until('the verdict is healthy', async () => (await verdict()) === 'weather is healthy', 30_000)
  expect(await tab.page.title()).toBe('✓ weather is healthy · modelwatch')
  const requests = figureOf('Requests')
  await until('requests are counted', async () => Number(await requests.innerText()) > 0)
  const seen = new Set<string>()
  await until('the figure of requests moves', async () => seen.add(await requests.innerText()).size >= 3)
  await until('latency has a figure', async () => Number(await figureOf('Latency').innerText()) > 0)
  expect(await tab.page.locator('.value').count()).toBe(7)
  expect(await tab.page.locator('.alert').count()).toBe(0)
})

test('days of New York: wind and temp_min drift, and the page tells it, pending and then firing', { timeout: 150_000 }, async () => {
  newYorkMs = performance.now()
  newYork = startCommand(['replay', up.path('data/new-york.csv'), '--rate', String(NEW_YORK_RATE), '--url', up.gatewayUrl])
  const leftMs = () => DRIFT_MS_MAX - (performance.now() - newYorkMs)

  await tab.page.locator('.alert.pending').first().waitFor({ timeout: leftMs() })
  expect(await until('the verdict tells of a drift under way', async () => /drifting$/.test(await verdict()) && (await verdict()))).toMatch(
    /^weather: \d inputs?.* (is|are) drifting$/,
  )
  await tab.page.locator('.alert.firing').first().waitFor({ timeout: leftMs() })
  const told = await until('the verdict tells of the drift', async () => /drifted$/.test(await verdict()) && (await verdict()), leftMs())
  expect(told).toMatch(/^weather: \d inputs?.* (has|have) drifted$/)
  expect(await tab.page.title()).toMatch(/^✗ weather: /)

  await until('PSI of wind is above 1.0', async () => ((await psiOf('wind')) ?? 0) > 1, leftMs())
  await until('PSI of temp_min is above 0.5', async () => ((await psiOf('temp_min')) ?? 0) > 0.5, leftMs())
  for (const name of ['wind', 'temp_min']) {
    const alert = tab.page.locator('.alert.firing', { hasText: `The input ${name} of weather no longer looks like the training data` })
    await alert.waitFor({ timeout: leftMs() })
    await until(`the row of ${name} says drifting`, async () =>
      /drift/i.test(await rowOf(`input.${name}`).locator('.verdict-word').innerText()),
    )
  }
  // The worst stand on top.
  const top = [0, 1].map((i) => tab.page.locator('.value').nth(i).getAttribute('id'))
  expect((await Promise.all(top)).sort()).toEqual(['input.temp_min', 'input.wind'])
  expect(newYork.stderr()).toBe('')
})

test('a click on wind opens its detail, and the address holds it', async () => {
  const button = rowOf('input.wind').getByRole('button')
  await button.click()
  const detail = rowOf('input.wind').locator('.value-detail')
  await detail.waitFor()
  expect(await button.getAttribute('aria-expanded')).toBe('true')
  expect(await detail.locator('.gates .over').count()).toBe(3)
  expect(await detail.locator('table tbody tr').count()).toBeGreaterThan(8)
  expect(new URL(tab.page.url()).searchParams.get('value')).toBe('input.wind')
  await button.click()
  await detail.waitFor({ state: 'detached' })
})

test('the PromQL box answers with graph and table, and tells a fault in a sentence', async () => {
  const { page } = tab
  const box = page.locator('.promql')
  const ask = async (expr: string) => {
    await page.locator('#promql').fill(expr)
    await box.getByRole('button', { name: 'Run' }).click()
  }
  await box.getByRole('link', { name: 'Graph' }).click()
  await ask('topk(2, modelwatch:psi)')
  await box.locator('canvas').waitFor()
  await box.locator('.series-legend li', { hasText: 'name="wind"' }).waitFor()

  await box.getByRole('link', { name: 'Table' }).click()
  const row = box.locator('table.result tbody tr', { hasText: 'name="wind"' })
  await row.waitFor()
  expect(Number(await row.locator('td').innerText())).toBeGreaterThan(1)

  const before = tab.faults.length
  await ask('sum(rate(modelwatch_requests_total)')
  const fault = box.getByRole('alert')
  await fault.waitFor()
  expect(await fault.locator('p').innerText()).toMatch(/^Line 1, column 36: .*unclosed left parenthesis/i)
  expect(await fault.locator('mark').count()).toBe(1)
  // A refused question is the one thing the browser may complain of here: a 400 of the API.
  await ask('')
  await fault.waitFor({ state: 'detached' })
  const complaints = tab.faults.splice(before)
  expect(complaints.filter((text) => !/\b400\b/.test(text))).toEqual([])
})

test('a real Prometheus on the same files comes to the same answers', { timeout: 150_000 }, async (context) => {
  needs(context, 'prometheus')
  const planes = [up.monitorUrl, prometheus!.url] as const
  const rows = (url: string, offset = '') => soleValue(url, `max(modelwatch:value_rows{role="input"} ${offset})`)
  await until(
    'the window holds New York alone at both: its row count has stopped growing',
    async () => {
      const growths = await Promise.all(planes.map(async (url) => (await rows(url))! / (await rows(url, 'offset 15s'))!))
      const full = performance.now() - newYorkMs > WINDOW_SECONDS * 1000
      return full && growths.every((growth) => Math.abs(growth - 1) < 0.05)
    },
    120_000,
  )
  const timeMs = Date.now()
  const [ours, theirs] = await Promise.all(planes.map((url) => queryPlane(url, 'modelwatch:psi', timeMs)))
  expect(ours!.length).toBe(7)
  const theirsByLabels = new Map(theirs!.map(({ labels, value }) => [labelKey(labels), value]))
  expect([...theirsByLabels.keys()].sort()).toEqual(ours!.map(({ labels }) => labelKey(labels)).sort())
  const apart = ours!.flatMap(({ labels, value }) => {
    const their = theirsByLabels.get(labelKey(labels))!
    const allowed = Math.max(0.03, 0.1 * Math.abs(their)) // The two scrape at different moments.
    return Math.abs(value - their) <= allowed ? [] : [{ name: labels.name, ours: value, theirs: their }]
  })
  expect(apart).toEqual([])

  const states = async (url: string) => (await alertsOf(url)).map(stateOf).sort()
  // They evaluate at different moments too: an alert may turn a few seconds later at one of them.
  await until('both hold the same alerts in the same state', async () => {
    const [our, their] = await Promise.all(planes.map(states))
    expect(our).toEqual(their)
    return our!.length >= 2
  })
})

test('through all of it, the page had no errors, and no request failed', async () => {
  expect(tab.faults).toEqual([])
  await tab.page.context().close() // What follows looks with fresh eyes, and has the processors to itself.
  expect(newYork!.stdout()).not.toMatch(/[1-9]\d* failed/)
})

test('a phone shows it without scrolling sideways', async () => {
  const small = await openTab(browser, up.monitorUrl, phone)
  await small.page.locator('.alert.firing').first().waitFor()
  await small.page.locator('.value').first().waitFor()
  const [content, window] = (await small.page.evaluate('[document.scrollingElement.scrollWidth, innerWidth]')) as [number, number]
  expect(content).toBeLessThanOrEqual(window)
  await picture(small.page, 'page-drift-phone.png', results)
  expect(small.faults).toEqual([])
  await small.page.context().close()
})

test.for([
  { name: 'page-drift.png', dark: false },
  { name: 'page-drift-dark.png', dark: true },
])('a picture of the page: $name', async ({ name, dark }) => {
  const shown = await openTab(browser, `${up.monitorUrl}/?range=5m`, { ...desk, dark })
  await shown.page.locator('.alert.firing').first().waitFor()
  await shown.page.locator('.tile canvas').nth(3).waitFor()
  await picture(shown.page, name)
  expect(shown.faults).toEqual([])
  await shown.page.context().close()
})

test('stopped, it leaves nothing behind', async () => {
  const pids = [up.process.pid, ...Object.values(up.roles())]
  newYork!.kill('SIGINT')
  const replay = await newYork!.ended
  expect(replay.code).toBe(0)
  expect(replay.stdout).toMatch(/\nsent \d+, answered \d+, labelled \d+, failed 0(; .*)?\n$/)
  expect((await up.stop()).code).toBe(0)
  expect(pids.filter(isAlive)).toEqual([])
})

/** What an alert is about and how it stands; a firing one and a pending one of the same rule are two. */
function stateOf({ labels, state }: PlaneAlert): string {
  return `${labelKey(labels)} ${state}`
}
