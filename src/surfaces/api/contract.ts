import type { Clock } from '../../core/time.ts'
import type { QueryEngine } from '../../plane/promql/contract.ts'
import type { RuleManager } from '../../plane/rules/contract.ts'
import type { Scraper } from '../../plane/scrape/contract.ts'
import type { Matcher, SeriesStore, StoreAdmin } from '../../plane/store/contract.ts'
import type { Cardinality } from '../../plane/store/index.ts'
import type { QueryGateLimits } from './query-gate.ts'
import type { RemoteWriteLimits } from './remote-write/limits.ts'
import type { SendingLimits } from './sending.ts'

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
  /** A query as Prometheus prints it over several lines. @throws when it does not parse. */
  readonly formatQuery: (query: string) => string
  /** A query as a tree in JSON, in Prometheus's shape. @throws when it does not parse. */
  readonly parseQueryTree: (query: string) => unknown
  /** Where the series in memory come from. @param limit - Entries of each list. */
  readonly cardinality: (limit: number) => Promise<Cardinality>
  /** What an administrator may do; undefined where nobody may. */
  readonly admin: StoreAdmin | undefined
  /** Whether pages of another origin, such as `https://grafana.example`, may read the answers. */
  readonly allowsOrigin: (origin: string) => boolean
  /** Whether remote write is taken, and its bounds where they are not the usual ones. */
  readonly remoteWrite: Partial<RemoteWriteLimits> & { readonly enabled: boolean }
  /** How many queries may run and wait; see `queryGateDefaults`. */
  readonly queries?: Partial<QueryGateLimits>
  /** Steps a range query may take; 11,000 by default, as in Prometheus. Its series have one point more. */
  readonly stepsMax?: number
  /** What answers may hold that are being sent; see `sendingDefaults`. */
  readonly sending?: Partial<SendingLimits>
  /** Whether `stats=all` tells the samples of each step, as Prometheus does where the feature is enabled. */
  readonly perStepStats?: boolean
  readonly status: ServerStatus
}

export interface ServerStatus {
  readonly version: string
  readonly startedMs: number
  /** Text of the config in use. */
  readonly configText: string
  /** Settings by name, as texts. */
  readonly flags: Readonly<Record<string, string>>
  /** How long and how much is kept, as people write it: `15d or 10GB`. */
  readonly retention: string
  /** Whether queries can be answered. */
  readonly isReady: () => boolean
  /** Damaged pieces of data found so far. */
  readonly corruptions?: () => number
}
