import { compareLabels, type Labels } from '../../core/labels.ts'
import { sortInTurns } from '../../core/sort-in-turns.ts'
import { createPace } from '../../core/turns.ts'
import type { Block } from './block/block.ts'
import { isLoaded } from './block/block-index.ts'
import type { BlockSeries } from './block/block-series.ts'
import type { HeldBlocks } from './block/block-set.ts'
import { byPrecedence } from './block/meta.ts'
import type { SelectedSeries, Selection, SelectLimits, TimeRange } from './contract.ts'
import { storeErrors } from './errors.ts'
import type { Head, HeadMatch } from './head/head.ts'
import type { CompiledMatcher } from './matcher.ts'
import { type Run, RunSeries } from './runs.ts'

/** What it takes to put a series among those that were found, in units of a pace. */
const SERIES_WORK = 20

/** Where samples are. */
export interface Parts {
  readonly head: Head
  /** The blocks of this moment, to be released. */
  acquire(): HeldBlocks
}

/** Finds series in blocks and head as of one moment, and puts each together from what the parts have of it. */
export async function select(
  { head, acquire }: Parts,
  matchers: readonly CompiledMatcher[],
  range: TimeRange,
  limits: SelectLimits | undefined,
): Promise<Selection> {
  const budget = toBudget(limits)
  const pace = createPace()
  // Nothing comes between these two: while a block takes over from the head, its samples are seen in one of them at least.
  const held = acquire()
  const searching = head.match(matchers, range, budget.series, pace)
  try {
    const inHead = await searching
    const inBlocks: InBlock[] = []
    for (const block of held.blocks.toSorted((a, b) => byPrecedence(a.meta, b.meta))) {
      if (!touches(block, range)) continue
      const series = await block.matchInTurns(matchers, range, pace)
      if (series.length > 0) inBlocks.push({ block, series })
    }
    if (inBlocks.length > 0) return await join(inBlocks, inHead, range, budget)
    const found: SelectedSeries[] = []
    for (const { series, runs } of inHead) {
      found.push(new RunSeries(series.labels, runs, range))
      if (pace.due(SERIES_WORK)) await pace.breathe()
    }
    return { series: found, warnings: [] }
  } finally {
    held.release()
  }
}

interface InBlock {
  readonly block: Block
  readonly series: readonly BlockSeries[]
}

/** Brings together by labels what the parts have of each series. */
async function join(inBlocks: readonly InBlock[], inHead: readonly HeadMatch[], range: TimeRange, budget: ReadBudget): Promise<Selection> {
  const pace = createPace()
  const warnings: string[] = []
  const byKey = new Map<string, { labels: Labels; runs: Run[] }>()
  const add = (labels: Labels, key: string, runs: readonly Run[]) => {
    const known = byKey.get(key)
    if (known === undefined) byKey.set(key, { labels, runs: [...runs] })
    else for (const run of runs) known.runs.push(run)
  }
  for (const { block, series } of inBlocks) {
    warnings.push(...(await block.load(series, budget)))
    for (const one of series) {
      add(one.labels, one.key, runsOf(one))
      if (pace.due(3 * SERIES_WORK + one.chunks.length * 10)) await pace.breathe()
    }
    budget.series(byKey.size)
  }
  for (const { series, runs } of inHead) {
    add(series.labels, series.key, runs)
    if (pace.due(SERIES_WORK)) await pace.breathe()
  }
  budget.series(byKey.size)
  const series: SelectedSeries[] = []
  for (const { labels, runs } of byKey.values()) {
    if (runs.length > 0) series.push(new RunSeries(labels, runs, range))
    if (pace.due(SERIES_WORK)) await pace.breathe()
  }
  await sortInTurns(series, (a, b) => compareLabels(a.labels, b.labels), pace)
  return { series, warnings }
}

function touches({ meta }: Block, { fromMs, toMs }: TimeRange): boolean {
  return meta.maxMs >= fromMs && meta.minMs <= toMs
}

function runsOf({ chunks, deleted }: BlockSeries): readonly Run[] {
  const loaded = chunks.every(isLoaded) ? chunks : chunks.filter(isLoaded)
  return deleted.length === 0 ? loaded : loaded.map((chunk) => ({ ...chunk, deleted }))
}

interface ReadBudget {
  /** @throws MW_STORE_SELECT_LIMIT */
  series(count: number): void
  /** @throws MW_STORE_SELECT_LIMIT */
  charge(bytes: number): void
}

function toBudget(limits: SelectLimits | undefined): ReadBudget {
  let bytes = 0
  return {
    series(count) {
      if (limits === undefined || count <= limits.seriesMax) return
      throw storeErrors.MW_STORE_SELECT_LIMIT(`the selection has more than ${limits.seriesMax} series`)
    },
    charge(more) {
      bytes += more
      if (limits === undefined || bytes <= limits.bytesMax) return
      throw storeErrors.MW_STORE_SELECT_LIMIT(`the selection takes more than ${limits.bytesMax} bytes of memory`)
    },
  }
}
