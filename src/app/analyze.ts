import { configErrors } from '../core/config.ts'
import { messageOf } from '../core/errors.ts'
import { parseSelector } from '../plane/promql/index.ts'
import { analyzeFolder, type CompiledMatcher, compileMatcher, type TsdbReport } from '../plane/store/index.ts'

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
 * @throws what `analyzeFolder` throws, and MW_CONFIG_INVALID when `match` is no selector.
 */
export async function analyzeStore({ folder, limit, match, verify, onProgress }: AnalyzeRequest): Promise<TsdbReport> {
  const matchers = match === undefined ? [] : selectorOf(match)
  return analyzeFolder(folder, { limit, matchers, verify, ...(onProgress === undefined ? {} : { onProgress }) })
}

function selectorOf(text: string): readonly CompiledMatcher[] {
  try {
    return parseSelector(text).map(compileMatcher)
  } catch (error) {
    throw configErrors.MW_CONFIG_INVALID(`--match: ${messageOf(error)}`, {
      cause: error,
      hint: `Write a series selector such as {job="api"}.`,
    })
  }
}
