import { ModelwatchError } from '../../../core/errors.ts'
import { isStaleMarker, type SampleBuffer, type SelectedSeries, type SeriesReader } from '../../store/index.ts'
import type { Budget } from '../budget.ts'
import { promqlErrors } from '../errors.ts'
import type { VectorSelectorExpr } from '../language/ast.ts'
import type { QueryPlan } from './plan.ts'

/** About what an encoded sample takes in memory while a query holds its chunk. */
const ENCODED_SAMPLE_BYTES = 2

/** What the selectors of a query found, still encoded. */
export interface Selections {
  readonly bySelector: ReadonlyMap<VectorSelectorExpr, readonly SelectedSeries[]>
  /** What the store could not read. */
  readonly warnings: ReadonlySet<string>
}

/**
 * Asks for the samples of every selector of a query, each set once, and all before anything is computed: so they see the store at one moment.
 * Nothing is decoded here.
 * @throws MW_PROMQL_LIMIT
 */
export async function readSelections(plan: QueryPlan, reader: SeriesReader, budget: Budget): Promise<Selections> {
  const bySelector = new Map<VectorSelectorExpr, readonly SelectedSeries[]>()
  const known = new Map<string, Promise<readonly SelectedSeries[]>>()
  const warnings = new Set<string>()
  for (const { selector, fromMs, toMs } of plan.reads) {
    const key = JSON.stringify([selector.matchers, fromMs, toMs])
    let found = known.get(key)
    if (found === undefined) {
      found = select(selector, { fromMs, toMs }, { reader, budget, warnings })
      known.set(key, found)
    }
    bySelector.set(selector, await found)
  }
  return { bySelector, warnings }
}

interface SelectContext {
  readonly reader: SeriesReader
  readonly budget: Budget
  readonly warnings: Set<string>
}

async function select(
  selector: VectorSelectorExpr,
  range: { readonly fromMs: number; readonly toMs: number },
  { reader, budget, warnings }: SelectContext,
): Promise<readonly SelectedSeries[]> {
  budget.check()
  try {
    const selection = await reader.select(selector.matchers, range, { seriesMax: budget.seriesMax, bytesMax: budget.bytesLeft })
    for (const warning of selection.warnings) warnings.add(warning)
    const { series } = selection
    let samples = 0
    for (const one of series) samples += one.samplesMax
    budget.retainBytes(samples * ENCODED_SAMPLE_BYTES)
    if (budget.due(series.length * 20)) await budget.breathe()
    return series
  } catch (error) {
    if (error instanceof ModelwatchError && error.code === 'MW_STORE_SELECT_LIMIT') {
      throw promqlErrors.MW_PROMQL_LIMIT(`query processing would load too much: ${error.message}`, { cause: error })
    }
    throw error
  }
}

/** Takes staleness markers out of a buffer, in place. */
export function dropStale(buffer: SampleBuffer): void {
  const { timesMs, values, length } = buffer
  let kept = 0
  while (kept < length) {
    const value = values[kept]!
    // Only a NaN differs from itself, and only then is the costly look at the bits needed.
    // biome-ignore lint/suspicious/noSelfCompare: the cheapest NaN test there is.
    if (value !== value && isStaleMarker(values, kept)) break
    kept++
  }
  for (let i = kept + 1; i < length; i++) {
    if (isStaleMarker(values, i)) continue
    timesMs[kept] = timesMs[i]!
    values[kept] = values[i]!
    kept++
  }
  buffer.length = kept
}

/** From one time to another, both included. */
export interface TimeSpan {
  readonly fromMs: number
  readonly toMs: number
}

/** Takes samples of other times out of a buffer, in place. */
export function keepWithin(buffer: SampleBuffer, { fromMs, toMs }: TimeSpan): void {
  const { timesMs, values } = buffer
  let { length } = buffer
  while (length > 0 && timesMs[length - 1]! > toMs) length--
  let first = 0
  while (first < length && timesMs[first]! < fromMs) first++
  if (first > 0) {
    timesMs.copyWithin(0, first, length)
    values.copyWithin(0, first, length)
  }
  buffer.length = length - first
}
