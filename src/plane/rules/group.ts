import { messageOf } from '../../core/errors.ts'
import { type Labels, labelsKey, METRIC_NAME, toLabels } from '../../core/labels.ts'
import type { QueryEngine, VectorSample } from '../promql/contract.ts'
import type { SeriesRef, SeriesStore } from '../store/contract.ts'
import { AlertBook } from './alerts.ts'
import type { RecordingRule, Rule, RuleGroup } from './config.ts'
import type { RuleGroupStatus, RuleStatus } from './contract.ts'
import { ruleErrors } from './errors.ts'

export interface GroupDeps {
  readonly engine: QueryEngine
  readonly store: SeriesStore
  readonly onError?: (failure: RuleFailure) => void
}

/** A rule that could not be evaluated. */
export interface RuleFailure {
  readonly file: string
  readonly group: string
  readonly rule: string
  readonly error: unknown
}

interface OutputSeries {
  readonly labels: Labels
  readonly value: number
}

interface RunningRule {
  readonly rule: Rule
  readonly book: AlertBook | undefined
  /** What it wrote last time, to end what it writes no more. */
  written: Map<string, SeriesRef>
  health: 'unknown' | 'ok' | 'err'
  lastError: string
  lastEvaluationMs: number | undefined
  evaluationDurationMs: number
}

/** Rules of one group, evaluated one after the other, so that a rule sees what those before it wrote at the same time. */
export class RunningGroup {
  readonly #group: RuleGroup
  readonly #deps: GroupDeps
  readonly #rules: readonly RunningRule[]
  #lastEvaluationMs: number | undefined
  #evaluationDurationMs = 0

  constructor(group: RuleGroup, options: { externalLabels: Readonly<Record<string, string>> }, deps: GroupDeps) {
    this.#group = group
    this.#deps = deps
    this.#rules = group.rules.map((rule) => ({
      rule,
      book: rule.kind === 'alerting' ? new AlertBook(rule, { seriesMax: group.seriesMax, ...options }) : undefined,
      written: new Map(),
      health: 'unknown',
      lastError: '',
      lastEvaluationMs: undefined,
      evaluationDurationMs: 0,
    }))
  }

  get alerts() {
    return this.#rules.flatMap(({ book }) => book?.active ?? [])
  }

  status(): RuleGroupStatus {
    const { name, file, intervalMs, seriesMax } = this.#group
    return {
      name,
      file,
      intervalMs,
      seriesMax,
      lastEvaluationMs: this.#lastEvaluationMs,
      evaluationDurationMs: this.#evaluationDurationMs,
      rules: this.#rules.map(toStatus),
    }
  }

  /** Never throws: a rule that fails says so in its status. @returns How many rules were evaluated and how many of them failed. */
  async evaluate(timeMs: number): Promise<{ evaluated: number; failed: number }> {
    const start = performance.now()
    let failed = 0
    for (const running of this.#rules) if (!(await this.#evaluateRule(running, timeMs))) failed++
    this.#lastEvaluationMs = timeMs
    this.#evaluationDurationMs = performance.now() - start
    return { evaluated: this.#rules.length, failed }
  }

  async #evaluateRule(running: RunningRule, timeMs: number): Promise<boolean> {
    const start = performance.now()
    try {
      const { value } = await this.#deps.engine.instant(running.rule.expr, timeMs)
      if (value.kind !== 'vector' && value.kind !== 'scalar') throw ruleErrors.MW_RULE_RESULT('rule result is not a vector or scalar')
      const samples = value.kind === 'vector' ? value.samples : [{ labels: [], timeMs, value: value.value }]
      await this.#write(running, outputOf(running, samples, timeMs, this.#group.seriesMax), timeMs)
      running.health = 'ok'
      running.lastError = ''
      return true
    } catch (error) {
      running.health = 'err'
      running.lastError = messageOf(error)
      this.#deps.onError?.({ file: this.#group.file, group: this.#group.name, rule: running.rule.name, error })
      return false
    } finally {
      running.lastEvaluationMs = timeMs
      running.evaluationDurationMs = performance.now() - start
    }
  }

  async #write(running: RunningRule, output: readonly OutputSeries[], timeMs: number): Promise<void> {
    const appender = this.#deps.store.appender()
    const written = new Map<string, SeriesRef>()
    for (const { labels, value } of output) {
      const key = labelsKey(labels)
      const ref = appender.append(running.written.get(key) ?? 0, labels, timeMs, value)
      if (ref !== 0) written.set(key, ref)
    }
    for (const [key, ref] of running.written) if (!written.has(key)) appender.appendStale(ref, timeMs)
    running.written = written
    await appender.commit()
  }
}

/** @throws MW_RULE_RESULT */
function outputOf(running: RunningRule, samples: readonly VectorSample[], timeMs: number, seriesMax: number): OutputSeries[] {
  const { rule, book } = running
  if (rule.kind === 'recording') return recorded(rule, samples, seriesMax)
  book!.update(samples, timeMs)
  return book!.active.flatMap((alert) => {
    const labels = Object.fromEntries(alert.labels)
    return [
      { labels: toLabels({ ...labels, [METRIC_NAME]: 'ALERTS', alertstate: alert.state }), value: 1 },
      { labels: toLabels({ ...labels, [METRIC_NAME]: 'ALERTS_FOR_STATE' }), value: Math.trunc(alert.activeAtMs / 1000) },
    ]
  })
}

function recorded(rule: RecordingRule, samples: readonly VectorSample[], seriesMax: number): OutputSeries[] {
  const seen = new Set<string>()
  const output = samples.map(({ labels, value }): OutputSeries => {
    const series = toLabels({ ...Object.fromEntries(labels), ...rule.labels, [METRIC_NAME]: rule.name })
    const key = labelsKey(series)
    if (seen.has(key)) throw ruleErrors.MW_RULE_RESULT('vector contains metrics with the same labelset after applying rule labels')
    seen.add(key)
    return { labels: series, value }
  })
  if (output.length > seriesMax) throw ruleErrors.MW_RULE_RESULT(`exceeded limit of ${seriesMax} with ${output.length} series`)
  return output
}

function toStatus(running: RunningRule): RuleStatus {
  const { rule, book, health, lastError, lastEvaluationMs, evaluationDurationMs } = running
  const base = { name: rule.name, query: rule.expr, labels: rule.labels, health, lastError, lastEvaluationMs, evaluationDurationMs }
  if (rule.kind === 'recording') return { kind: 'recording', ...base }
  const { forMs, keepFiringForMs, annotations } = rule
  return { kind: 'alerting', ...base, state: book!.state, forMs, keepFiringForMs, annotations, alerts: book!.active }
}
