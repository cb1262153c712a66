import type { Labels } from '../../core/labels.ts'

export type AlertState = 'pending' | 'firing'

/** One alert: a rule and one label set for which its expression holds. */
export interface ActiveAlert {
  readonly labels: Labels
  readonly annotations: Readonly<Record<string, string>>
  readonly state: AlertState
  /** When the expression began to hold. */
  readonly activeAtMs: number
  /** Since when it fires only because of `keep_firing_for`: the expression has ceased to hold. */
  readonly keptFiringSinceMs: number | undefined
  readonly value: number
}

interface RuleStatusBase {
  readonly name: string
  readonly query: string
  readonly labels: Readonly<Record<string, string>>
  readonly health: 'unknown' | 'ok' | 'err'
  /** '' while all is well. */
  readonly lastError: string
  readonly lastEvaluationMs: number | undefined
  readonly evaluationDurationMs: number
}

export interface RecordingRuleStatus extends RuleStatusBase {
  readonly kind: 'recording'
}

export interface AlertingRuleStatus extends RuleStatusBase {
  readonly kind: 'alerting'
  readonly state: 'inactive' | AlertState
  readonly forMs: number
  readonly keepFiringForMs: number
  readonly annotations: Readonly<Record<string, string>>
  readonly alerts: readonly ActiveAlert[]
}

export type RuleStatus = RecordingRuleStatus | AlertingRuleStatus

export interface RuleGroupStatus {
  readonly name: string
  readonly file: string
  readonly intervalMs: number
  /** Series a rule may give; `Infinity`: any number. */
  readonly seriesMax: number
  readonly lastEvaluationMs: number | undefined
  readonly evaluationDurationMs: number
  readonly rules: readonly RuleStatus[]
}

/** What the manager did since its start; every count only rises. */
export interface RuleStats {
  /** Rules evaluated, failures among them. */
  readonly evaluations: number
  readonly evaluationsFailed: number
  /** Evaluations of a group left out because the one before took too long. */
  readonly groupEvaluationsMissed: number
}

/** Evaluates rule groups on their intervals until stopped. */
export interface RuleManager {
  groups(): RuleGroupStatus[]
  alerts(): ActiveAlert[]
  stats(): RuleStats
  start(): void
  /** Lets the evaluation under way end. */
  stop(): Promise<void>
}
