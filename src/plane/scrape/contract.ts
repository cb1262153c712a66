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

/** Scrapes targets into the store until stopped. */
export interface Scraper {
  targets(): TargetStatus[]
  start(): void
  /** Ends the scrapes under way and waits for them. */
  stop(): Promise<void>
}
