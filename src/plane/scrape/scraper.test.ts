import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { systemClock } from '../../core/time.ts'
import { createMemoryStore } from '../store/index.ts'
import { readColumns } from '../store/testing.ts'
import type { ScrapeJob } from './config.ts'
import type { Scraper } from './contract.ts'
import { createScraper } from './scraper.ts'
import { testJob } from './testing.ts'

const servers: Server[] = []
let scraper: Scraper | undefined
afterEach(async () => {
  await scraper?.stop()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

async function serve(answer: string | undefined): Promise<Server> {
  const server = createServer((_, response) => {
    if (answer !== undefined) response.setHeader('content-type', 'text/plain').end(answer)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

const addressOf = (server: Server) => `127.0.0.1:${(server.address() as AddressInfo).port}`

const job = (options: Partial<ScrapeJob>) => testJob({ intervalMs: 200, timeoutMs: 200, bodyBytesMax: 1_000_000, ...options })

test('a target that never answers costs the others nothing, and is down', async () => {
  const good = await serve('a 1\n')
  const bad = await serve(undefined)
  const targets = [good, bad].map((server) => ({ address: addressOf(server), labels: {} }))
  const store = createMemoryStore()
  scraper = createScraper({ jobs: [job({ targets })] }, { store, clock: systemClock })
  expect(scraper.targets().map((target) => target.health)).toEqual(['unknown', 'unknown'])
  scraper.start()
  const seen = () => {
    const { scrapes, scrapesFailed } = scraper!.stats()
    return [scrapes - scrapesFailed >= 3, scrapesFailed > 0, ...scraper!.targets().map((target) => target.health)]
  }
  await expect.poll(seen).toEqual([true, true, 'up', 'down'])
  // Stop waits for the scrapes under way and writes nothing of them.
  await scraper.stop()
  expect(scraper.targets().map((target) => target.health)).toEqual(['up', 'down'])
  const [series] = await readColumns(store, [{ name: '__name__', op: '=', value: 'a' }])
  expect(series!.values.length).toBeGreaterThanOrEqual(3)
  const { scrapes, scrapesFailed, samplesAppended } = scraper.stats()
  expect(samplesAppended).toBe((scrapes - scrapesFailed) * 6 + scrapesFailed * 5)
})

test('the same target twice is scraped once; with other labels it is another', () => {
  const target = { address: '127.0.0.1:9', labels: {} }
  const twice = job({ targets: [target, target, { ...target, labels: { a: 'b' } }] })
  scraper = createScraper({ jobs: [twice] }, { store: createMemoryStore(), clock: systemClock })
  expect(scraper.targets().map((t) => t.labels)).toEqual([
    { instance: '127.0.0.1:9', job: 'app' },
    { instance: '127.0.0.1:9', job: 'app', a: 'b' },
  ])
})
