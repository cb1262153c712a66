import Chromium from '@sparticuz/chromium'
import { chromium } from 'playwright-core'

const [base, prefix, width, dark, search = ''] = process.argv.slice(2)
const browser = await chromium.launch({
  executablePath: await Chromium.executablePath(),
  args: Chromium.args.filter((arg) => arg !== '--single-process'),
  headless: true,
})
try {
  const context = await browser.newContext({
    viewport: { width: Number(width), height: 1080 },
    colorScheme: dark === 'dark' ? 'dark' : 'light',
    locale: 'en-US',
  })
  const tab = await context.newPage()
  tab.on('pageerror', (error) => console.log(`page error: ${error.message}`))
  tab.on('console', (message) => message.type() === 'error' && console.log(`console: ${message.text()}`))
  tab.on('requestfailed', (r) => console.log('failed', r.url(), r.failure()?.errorText))
  const times: number[] = []
  tab.on('response', async (r) => {
    if (r.url().includes('/api/')) {
      const t = r.request().timing()
      times.push(t.responseStart)
      if (r.status() >= 400) console.log(r.status(), await r.text())
    }
  })
  await tab.goto(`${base}/${search}`)
  await tab.waitForSelector('.value', { timeout: 20_000 })
  await tab.waitForTimeout(4000)
  console.log(
    await tab.title(),
    await tab.evaluate('[...document.querySelectorAll(".note")].map((n) => n.textContent).join()'),
    'requests',
    times.length,
    'max ms',
    Math.max(...times),
  )
  const height = Number(await tab.evaluate('document.documentElement.scrollHeight'))
  await tab.evaluate('scrollTo(0, 0)')
  for (let y = 0, piece = 1; y < height; y += 1300, piece++)
    await tab.screenshot({
      path: `/tmp/ui-shots/${prefix}-${piece}.png`,
      fullPage: true,
      clip: { x: 0, y, width: Number(width), height: Math.min(1300, height - y) },
    })
} finally {
  await browser.close()
}
