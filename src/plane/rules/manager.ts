import { fromLabels, type Labels } from '../../core/labels.ts'
import { spread, startTicker, type Ticker } from '../../core/ticker.ts'
import type { Clock } from '../../core/time.ts'
import type { QueryEngine } from '../promql/contract.ts'
import type { SeriesStore } from '../store/contract.ts'
import type { RuleGroup } from './config.ts'
import type { RuleManager, RuleStats } from './contract.ts'
import { type RuleFailure, RunningGroup } from './group.ts'

export interface RuleManagerDeps {
  readonly engine: QueryEngine
  readonly store: SeriesStore
  readonly clock: Clock
  /** Told of every evaluation that fails; the manager goes on. */
  readonly onError?: (failure: RuleFailure) => void
}

/** Evaluates each group on its own interval. An evaluation that is due while the group still works is left out and counted. */
export function createRuleManager(
  groups: readonly RuleGroup[],
  deps: RuleManagerDeps,
  options: { readonly externalLabels?: Labels } = {},
): RuleManager {
  const externalLabels = fromLabels(options.externalLabels ?? [])
  const running = groups.map((group) => ({ group, instance: new RunningGroup(group, { externalLabels }, deps) }))
  const stats = { evaluations: 0, evaluationsFailed: 0, groupEvaluationsMissed: 0 } satisfies RuleStats
  let tickers: Ticker[] = []
  return {
    groups: () => running.map(({ instance }) => instance.status()),
    alerts: () => running.flatMap(({ instance }) => instance.alerts),
    stats: () => ({ ...stats }),
    start() {
      tickers = running.map(({ group, instance }) =>
        startTicker(
          {
            intervalMs: group.intervalMs,
            // Groups start apart, so that they do not all ask the engine at once.
            offsetMs: spread(`${group.file};${group.name}`, group.intervalMs),
            run: async (slotMs) => {
              const { evaluated, failed } = await instance.evaluate(slotMs)
              stats.evaluations += evaluated
              stats.evaluationsFailed += failed
            },
            onMissed: (missed) => {
              stats.groupEvaluationsMissed += missed
            },
          },
          { clock: deps.clock },
        ),
      )
    },
    async stop() {
      await Promise.all(tickers.map((ticker) => ticker.stop()))
    },
  }
}
