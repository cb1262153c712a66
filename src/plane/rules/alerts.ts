import { fromLabels, labelsKey, METRIC_NAME, toLabels } from '../../core/labels.ts'
import type { VectorSample } from '../promql/contract.ts'
import type { AlertingRule } from './config.ts'
import type { ActiveAlert, AlertState } from './contract.ts'
import { ruleErrors } from './errors.ts'
import { compileTemplate, type Template, type TemplateData } from './template.ts'

/**
 * The alerts of one rule from evaluation to evaluation.
 *
 *   expression holds ──► pending ── for `for` ──► firing ── holds no more ──► gone
 *                          │                        │   ▲
 *                     holds no more                 └───┘ for `keep_firing_for`
 *                          └──► gone
 */
export class AlertBook {
  readonly #rule: AlertingRule
  readonly #seriesMax: number
  readonly #externalLabels: Readonly<Record<string, string>>
  readonly #labels: readonly (readonly [string, Template])[]
  readonly #annotations: readonly (readonly [string, Template])[]
  #active = new Map<string, ActiveAlert>()

  constructor(rule: AlertingRule, options: { seriesMax: number; externalLabels: Readonly<Record<string, string>> }) {
    this.#rule = rule
    this.#seriesMax = options.seriesMax
    this.#externalLabels = options.externalLabels
    this.#labels = Object.entries(rule.labels).map(([name, text]) => [name, compileTemplate(text)] as const)
    this.#annotations = Object.entries(rule.annotations).map(([name, text]) => [name, compileTemplate(text)] as const)
  }

  get active(): ActiveAlert[] {
    return [...this.#active.values()]
  }

  get state(): 'inactive' | AlertState {
    let state: 'inactive' | AlertState = 'inactive'
    for (const alert of this.#active.values()) {
      if (alert.state === 'firing') return 'firing'
      state = 'pending'
    }
    return state
  }

  /**
   * Takes what the expression gave at `timeMs`.
   * @throws MW_RULE_RESULT when two samples make the same alert, or there are more than the group's limit; the alerts are as before,
   *   or, past the limit, none.
   */
  update(samples: readonly VectorSample[], timeMs: number): void {
    const held = new Map<string, ActiveAlert>()
    for (const sample of samples) {
      const alert = this.#toAlert(sample, timeMs)
      const key = labelsKey(alert.labels)
      if (held.has(key)) throw ruleErrors.MW_RULE_RESULT('vector contains metrics with the same labelset after applying alert labels')
      held.set(key, alert)
    }
    const next = new Map<string, ActiveAlert>()
    for (const [key, alert] of this.#active) {
      const now = held.get(key)
      const kept = now === undefined ? this.#keepFiring(alert, timeMs) : { ...now, state: alert.state, activeAtMs: alert.activeAtMs }
      if (kept !== undefined) next.set(key, kept)
    }
    for (const [key, alert] of held) if (!next.has(key)) next.set(key, alert)
    for (const [key, alert] of next) {
      if (alert.state === 'pending' && timeMs - alert.activeAtMs >= this.#rule.forMs) next.set(key, { ...alert, state: 'firing' })
    }
    if (next.size > this.#seriesMax) {
      this.#active = new Map()
      throw ruleErrors.MW_RULE_RESULT(`exceeded limit of ${this.#seriesMax} with ${next.size} alerts`)
    }
    this.#active = next
  }

  #toAlert(sample: VectorSample, timeMs: number): ActiveAlert {
    const labels = fromLabels(sample.labels)
    const data: TemplateData = { labels, externalLabels: this.#externalLabels, value: sample.value }
    const render = (templates: readonly (readonly [string, Template])[]) =>
      Object.fromEntries(templates.map(([name, template]) => [name, template(data)]))
    const { [METRIC_NAME]: _, ...own } = labels
    return {
      labels: toLabels({ ...own, ...render(this.#labels), alertname: this.#rule.name }),
      annotations: render(this.#annotations),
      state: 'pending',
      activeAtMs: timeMs,
      keptFiringSinceMs: undefined,
      value: sample.value,
    }
  }

  /** An alert whose expression no longer holds: kept for a while, or gone. */
  #keepFiring(alert: ActiveAlert, timeMs: number): ActiveAlert | undefined {
    if (alert.state !== 'firing' || this.#rule.keepFiringForMs === 0) return undefined
    const sinceMs = alert.keptFiringSinceMs ?? timeMs
    return timeMs - sinceMs < this.#rule.keepFiringForMs ? { ...alert, keptFiringSinceMs: sinceMs } : undefined
  }
}
