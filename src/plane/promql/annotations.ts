import { formatGeneral } from '../../core/number-text.ts'
import type { Span } from './ast.ts'
import { positionOf } from './position.ts'

/** Most messages of one kind in an answer, as in the Prometheus API; more are counted. */
const ANNOTATIONS_MAX = 10

/** What a query's author should know although there is an answer. Each message once, in Prometheus's words. */
export class Annotations {
  readonly #query: string
  readonly #warnings = new Set<string>()
  readonly #infos = new Set<string>()

  constructor(query: string) {
    this.#query = query
  }

  get warnings(): string[] {
    return capped(this.#warnings, 'warning')
  }

  get infos(): string[] {
    return capped(this.#infos, 'info')
  }

  invalidQuantile(quantile: number, at: Span): void {
    this.#warn(`quantile value should be between 0 and 1, got ${formatGeneral(quantile)}`, at)
  }

  badBucketLabel(metric: string, le: string, at: Span): void {
    this.#warn(
      `bucket label "le" is missing or has a malformed value of ${JSON.stringify(le)} for metric name ${JSON.stringify(metric)}`,
      at,
    )
  }

  possibleNonCounter(metric: string, at: Span): void {
    this.#info(`metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${JSON.stringify(metric)}`, at)
  }

  forcedMonotonicity(metric: string, at: Span): void {
    const manual = 'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile'
    this.#info(
      `input to histogram_quantile needed to be fixed for monotonicity (see ${manual}) for metric name ${JSON.stringify(metric)}`,
      at,
    )
  }

  #warn(message: string, at: Span): void {
    this.#warnings.add(`PromQL warning: ${message} (${positionOf(this.#query, at.from)})`)
  }

  #info(message: string, at: Span): void {
    this.#infos.add(`PromQL info: ${message} (${positionOf(this.#query, at.from)})`)
  }
}

function capped(messages: ReadonlySet<string>, kind: string): string[] {
  const shown = [...messages].slice(0, ANNOTATIONS_MAX)
  const omitted = messages.size - shown.length
  return omitted > 0 ? [...shown, `${omitted} more ${kind} annotations omitted`] : shown
}
