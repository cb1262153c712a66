import { parseSelector } from '../plane/promql/index.ts'
import { analyzeFolder, compileMatcher, type TsdbReport } from '../plane/store/index.ts'

export type { PartReport, Ranked, TsdbReport } from '../plane/store/index.ts'

export interface AnalyzeRequest {
  /** Data folder of a store, or a snapshot of one. */
  readonly folder: string
  /** Entries of each list at most. */
  readonly limit: number
  /** A PromQL selector: only series that it selects are counted. */
  readonly match: string | undefined
  /** Reads all data and checks it against its checksums. */
  readonly verify: boolean
  onProgress?(share: number): void
}

/**
 * Says what a store's folder holds. It takes no lock and changes nothing.
 * @throws what `analyzeFolder` throws, and MW_PROMQL_… when `match` is no selector.
 */
export async function analyzeStore({ folder, limit, match, verify, onProgress }: AnalyzeRequest): Promise<TsdbReport> {
  const matchers = match === undefined ? [] : parseSelector(match).map(compileMatcher)
  return analyzeFolder(folder, { limit, matchers, verify, ...(onProgress === undefined ? {} : { onProgress }) })
}
