import type { Annotations } from '../annotations.ts'
import type { Budget } from '../budget.ts'
import type { SampleCounter } from '../stats.ts'
import type { QueryPlan } from './plan.ts'
import type { QueryTimes } from './query-times.ts'
import type { Selections } from './selection.ts'

/** What everything that evaluates a query has in common. */
export interface EvaluationDeps {
  readonly plan: QueryPlan
  readonly times: QueryTimes
  readonly selections: Selections
  readonly budget: Budget
  readonly annotations: Annotations
  readonly counter: SampleCounter
  /** Whether samples held are counted one by one, rather than by columns. */
  readonly exactCounts: boolean
  /** Whether names are dropped at the end. */
  readonly delayedNameRemoval: boolean
  /** Whether the query asks for one point. */
  readonly isInstant: boolean
}
