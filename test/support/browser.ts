import Chromium from '@sparticuz/chromium'
import { type Browser, chromium, type Page } from 'playwright-core'

/** A headless Chromium that needs nothing of the machine. Close it, or its processes stay. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await Chromium.executablePath(),
    args: Chromium.args.filter((arg) => arg !== '--single-process'), // In a single process, closing one context ends the browser.
    headless: true,
  })
}

export interface Tab {
  readonly page: Page
  /** Errors of the page, of its console, and requests that failed, in the order they came. */
  readonly faults: string[]
}

/** Opens an address in a context of its own. */
export async function openTab(browser: Browser, url: string, look: { width: number; height: number; dark?: boolean }): Promise<Tab> {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.dark === true ? 'dark' : 'light',
    locale: 'en-US',
    reducedMotion: 'reduce', // Without a graphics card each frame of an animation costs a processor.
  })
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(`page error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`console: ${message.text()}`)
  })
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? ''
    // What the page itself drops, because something newer was asked for, has not failed.
    if (reason !== 'net::ERR_ABORTED') faults.push(`request: ${request.url()}: ${reason}`)
  })
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`response: ${response.url()}: ${response.status()}`)
  })
  await page.goto(url)
  return { page, faults }
}
