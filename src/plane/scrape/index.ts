export {
  GlobalBlock,
  type GlobalConfig,
  ScrapeBlock,
  type ScrapeConfig,
  type ScrapeJob,
  scrapeTexts,
  toGlobalConfig,
  toScrapeConfig,
  unsupportedScrapeKeys,
} from './config.ts'
export type { Scraper, ScrapeStats, TargetStatus } from './contract.ts'
export { scrapeErrors } from './errors.ts'
export { createScraper } from './scraper.ts'
