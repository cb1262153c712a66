import type { Clock } from '../../core/time.ts'
import type { QueryEngine } from '../../plane/promql/contract.ts'
import type { RuleManager } from '../../plane/rules/contract.ts'
import type { Scraper } from '../../plane/scrape/contract.ts'
import type { Matcher, SeriesStore } from '../../plane/store/contract.ts'

/** What the API shows, handed in by whoever starts it. */
export interface ApiDeps {
  readonly store: SeriesStore
  readonly engine: QueryEngine
  readonly scraper: Pick<Scraper, 'targets'>
  readonly rules: Pick<RuleManager, 'groups' | 'alerts'>
  readonly clock: Clock
  /** Reads a series selector, such as `up{job="x"}`. @throws when the text is none. */
  readonly parseSelector: (text: string) => readonly Matcher[]
  /** Whether a label's value satisfies a matcher. */
  readonly matches: (matcher: Matcher, value: string) => boolean
  readonly status: ServerStatus
}

export interface ServerStatus {
  readonly version: string
  readonly startedMs: number
  /** Text of the config in use. */
  readonly configText: string
  /** Settings by name, as texts. */
  readonly flags: Readonly<Record<string, string>>
  readonly retentionMs: number
  /** Whether queries can be answered. */
  readonly isReady: () => boolean
}
