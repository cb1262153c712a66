/** One target as the Prometheus API shows it. */
export interface TargetStatus {
  readonly job: string
  readonly scrapeUrl: string
  /** Before relabelling. */
  readonly discoveredLabels: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly health: 'unknown' | 'up' | 'down'
  /** '' while all is well. */
  readonly lastError: string
  readonly lastScrapeMs: number | undefined
  readonly lastScrapeDurationMs: number
  readonly intervalMs: number
  readonly timeoutMs: number
}

/** What the scraper did since its start; every count only rises. */
export interface ScrapeStats {
  readonly scrapes: number
  readonly scrapesFailed: number
  /** Due while the scrape before had not ended, so left out. */
  readonly scrapesMissed: number
  readonly samplesAppended: number
  readonly samplesOutOfOrder: number
  readonly samplesDuplicate: number
  /** Their own time lies too far ahead, or is no time at all. */
  readonly samplesOutOfBounds: number
  /** Of series past the store's limit. */
  readonly samplesOverLimit: number
  /** Of scrapes that the store took nothing of, because its disk is full. */
  readonly samplesRefused: number
}

/** Scrapes targets into the store until stopped. */
export interface Scraper {
  targets(): TargetStatus[]
  stats(): ScrapeStats
  start(): void
  /** Ends the scrapes under way and waits for them. */
  stop(): Promise<void>
}
