import { mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import Chromium from '@sparticuz/chromium'
import { chromium } from 'playwright-core'
import { createFakeApi } from './fake-api.ts'
import type { scenarios } from './fake-world.ts'

/** Pictures of the page in every state worth looking at: `node ui/testing/shots.ts <folder> [name …]`, after `vite build ui`. */
const shots: readonly {
  name: string
  scenario: keyof typeof scenarios
  width: number
  dark?: boolean
  search?: string
  fold?: boolean
  lost?: boolean
}[] = [
  { name: 'drifting-1440', scenario: 'drifting', width: 1440, search: '?range=1h' },
  { name: 'drifting-1440-dark', scenario: 'drifting', width: 1440, dark: true, search: '?range=1h&value=input.wind' },
  { name: 'drifting-390', scenario: 'drifting', width: 390, search: '?range=1h' },
  { name: 'drifting-390-dark', scenario: 'drifting', width: 390, dark: true, search: '?range=1h&value=input.weather' },
  { name: 'healthy-1440', scenario: 'healthy', width: 1440 },
  { name: 'healthy-1920', scenario: 'healthy', width: 1920, dark: true, fold: true },
  { name: 'canary-1440', scenario: 'canary', width: 1440, search: '?range=1h' },
  { name: 'canary-390', scenario: 'canary', width: 390, dark: true, search: '?range=1h&revision=v2' },
  { name: 'shadow-1440', scenario: 'shadow', width: 1440, dark: true, search: '?range=1h' },
  { name: 'rollback-1440', scenario: 'rollback', width: 1440 },
  { name: 'rollback-390', scenario: 'rollback', width: 390 },
  { name: 'pending-1440', scenario: 'pending', width: 1440, search: '?range=5m&expr=modelwatch%3Apsi' },
  { name: 'fault-360', scenario: 'pending', width: 360, dark: true, search: '?range=5m&expr=sum(%7B%7D)' },
  { name: 'down-1440', scenario: 'down', width: 1440, dark: true },
  { name: 'lost-1440', scenario: 'healthy', width: 1440, lost: true },
  { name: 'many-1440', scenario: 'many', width: 1440, search: '?model=recommender-7' },
  { name: 'many-390', scenario: 'many', width: 390 },
  { name: 'empty-1440', scenario: 'empty', width: 1440 },
]

const pieceHeight = 1300
const [folder = 'ui-shots', ...wanted] = process.argv.slice(2)
await mkdir(folder, { recursive: true })
// In a single process, closing one context ends the browser.
const browser = await chromium.launch({
  executablePath: await Chromium.executablePath(),
  args: Chromium.args.filter((arg) => arg !== '--single-process'),
  headless: true,
})
try {
  for (const { name, scenario, width, dark = false, search = '', fold = false, lost } of shots) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const server = createFakeApi(scenario)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${search}`
    const context = await browser.newContext({
      viewport: { width, height: width < 500 ? 844 : 1080 },
      colorScheme: dark ? 'dark' : 'light',
      locale: 'en-US',
    })
    const tab = await context.newPage()
    tab.on('pageerror', (error) => console.log(`${name}: page error: ${error.message}`))
    tab.on('console', (message) => message.type() === 'error' && console.log(`${name}: console: ${message.text()}`))
    await tab.goto(address)
    await tab.waitForSelector('.picture .quiet, .picture .alert', { timeout: 20_000 })
    await tab.waitForTimeout(800)
    const wide = await tab.evaluate('document.documentElement.scrollWidth')
    if (Number(wide) > width) console.log(`${name}: ${wide} px wide in ${width}`)
    if (lost === true) {
      server.closeAllConnections()
      server.close()
      await tab.waitForSelector('.stale', { timeout: 20_000 })
    }
    const height = fold ? 1080 : Number(await tab.evaluate('document.documentElement.scrollHeight'))
    await tab.evaluate('scrollTo(0, 0)')
    // Pieces that can be looked at without being shrunk.
    for (let y = 0, piece = 1; y < height; y += pieceHeight, piece++) {
      const clip = { x: 0, y, width, height: Math.min(pieceHeight, height - y) }
      await tab.screenshot({ path: join(folder, `${name}-${piece}.png`), fullPage: true, clip })
    }
    await context.close()
    server.closeAllConnections()
    server.close()
  }
} finally {
  await browser.close()
}
