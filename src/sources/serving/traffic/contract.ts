/** A share of a model's traffic. */
export interface Share {
  readonly revision: string
  /** A whole number from 0 to 100; the shares of a split add up to 100. */
  readonly percent: number
}

/** What a model's traffic was, and since when. */
export interface Split {
  /** 'latest': all traffic follows the newest deployed revision. A list no longer follows it. */
  readonly shares: 'latest' | readonly Share[]
  /** The revision that was latest then, so that a rollback knows what 'latest' meant. */
  readonly latest: string
  readonly sinceMs: number
  /** In the history: somebody rolled back from it, so that a further rollback passes it by. */
  readonly undone?: true | undefined
}

/** A copy of the traffic that is answered to nobody. */
export interface Shadow {
  readonly revision: string
  /** Share of the requests that are copied, a ratio in (0, 1]. */
  readonly ratio: number
}

/** Revisions and traffic of one model, in Cloud Run's words. */
export interface ModelTraffic {
  readonly model: string
  /** The newest revision that was deployed, with traffic or without: what the split 'latest' follows. */
  readonly latest: string
  /** How requests are shared out now. */
  readonly split: Split
  /** Revision by tag; a tagged revision can be asked for whatever the split is. */
  readonly tags: Readonly<Record<string, string>>
  readonly shadow: Shadow | undefined
  /** Splits before this one, newest first; at most `historyMax`. */
  readonly history: readonly Split[]
  /** Rises by one with each change. */
  readonly generation: number
}

/** What a change of a model's traffic decides. */
export type TrafficState = Omit<ModelTraffic, 'model' | 'generation'>

/** What one gateway or worker says about a revision that the traffic wants. */
export interface RevisionReport {
  readonly model: string
  readonly revision: string
  /** Who says so: `host:pid`. */
  readonly process: string
  readonly state: 'loading' | 'ready' | 'failed'
  /** Why it failed, a sentence. */
  readonly reason: string | undefined
  /** The generation this speaks about: the one it has taken over, is loading for, or could not take over. */
  readonly generation: number
  readonly timeMs: number
}

/** How long a report stands without being repeated; then its process is taken to be gone. */
export const REPORT_MS = 10_000
export const historyMax = 20

/**
 * Where traffic is kept, shared by all gateways and the command line: a SQLite file, or Redis. A model that nobody deployed has no entry:
 * its newest revision folder then gets everything.
 *
 * All methods throw MW_TRAFFIC_UNAVAILABLE when the store cannot be reached or written.
 */
export interface TrafficStore {
  read(): Promise<readonly ModelTraffic[]>
  /**
   * Changes one model's traffic, whole or not at all, also while others change it: `change` may be called again with what they made of it.
   * Whether a change was made that failed with MW_TRAFFIC_UNAVAILABLE, only reading tells: its answer may have been lost on the way.
   * @param change - A pure function of what is stored now (undefined: nothing yet); what it throws is passed on, and nothing is changed.
   */
  update(model: string, change: (current: ModelTraffic | undefined) => TrafficState): Promise<ModelTraffic>
  /** Calls back within a second after any change of a model's traffic, by this process or another; also now and then without cause. @returns what ends it. */
  onChange(listener: () => void): () => void
  /** Tells, and repeats, what a process has made of it. Of one process, model and revision, the last word stands, until `REPORT_MS` after it was told. */
  report(reports: readonly RevisionReport[]): Promise<void>
  /** Takes back what a process has told, for it ends: nobody waits for it any more. */
  withdraw(process: string): Promise<void>
  /** What processes have said within `REPORT_MS`. */
  reports(): Promise<readonly RevisionReport[]>
  close(): Promise<void>
}
