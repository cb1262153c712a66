import { formatGeneral } from '../../core/number-text.ts'
import { childrenOf, type Expr, type Span, unwrap } from './language/ast.ts'
import { quote } from './language/literals.ts'
import { positionOf } from './language/position.ts'

/** Most messages of one kind in an answer, as in the Prometheus API; more are counted. */
const ANNOTATIONS_MAX = 10

/** Messages, each once, with the place where it was said last. */
type Messages = Map<string, Span>

/** What was annotated while something was evaluated. */
export interface Recording {
  readonly warnings: Messages
  readonly infos: Messages
}

/** What a query's author should know although there is an answer, in Prometheus's words: each message once, with the place that said it last. */
export class Annotations {
  readonly #query: string
  readonly #warnings: Messages = new Map()
  readonly #infos: Messages = new Map()
  readonly #storeWarnings = new Set<string>()
  readonly #recordings: Recording[] = []

  constructor(query: string) {
    this.#query = query
  }

  get warnings(): string[] {
    return capped([...this.#storeWarnings, ...this.#placed('warning', this.#warnings)], 'warning')
  }

  get infos(): string[] {
    return capped(this.#placed('info', this.#infos), 'info')
  }

  #placed(kind: 'warning' | 'info', messages: Messages): string[] {
    return Array.from(messages, ([message, at]) => `PromQL ${kind}: ${message} (${positionOf(this.#query, at.from)})`)
  }

  invalidQuantile(quantile: number, at: Span): void {
    this.#add('warnings', `quantile value should be between 0 and 1, got ${formatGeneral(quantile)}`, at)
  }

  /** @param used - What the ratio is taken for. */
  invalidRatio(ratio: number, used: number, at: Span): void {
    const message = `ratio value should be between -1 and 1, got ${formatGeneral(ratio)}, capping to ${formatGeneral(used)}`
    this.#add('warnings', message, at)
  }

  badBucketLabel(metric: string, le: string, at: Span): void {
    const message = `bucket label "le" is missing or has a malformed value of ${quote(le)} for metric name ${quote(metric)}`
    this.#add('warnings', message, at)
  }

  possibleNonCounter(metric: string, at: Span): void {
    const message = `metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quote(metric)}`
    this.#add('infos', message, at)
  }

  forcedMonotonicity(metric: string, at: Span): void {
    const manual = 'https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile'
    const message = `input to histogram_quantile needed to be fixed for monotonicity (see ${manual}) for metric name ${quote(metric)}`
    this.#add('infos', message, at)
  }

  /** A warning that comes from below and has no place in the query. */
  storeWarning(message: string): void {
    this.#storeWarnings.add(message)
  }

  #add(kind: keyof Recording, message: string, at: Span): void {
    const target = kind === 'warnings' ? this.#warnings : this.#infos
    target.set(message, at)
    for (const recording of this.#recordings) recording[kind].set(message, at)
  }

  /** Begins to note down what is annotated, until `endRecording`. Recordings may be nested. */
  startRecording(): Recording {
    const recording: Recording = { warnings: new Map(), infos: new Map() }
    this.#recordings.push(recording)
    return recording
  }

  endRecording(): void {
    this.#recordings.pop()
  }

  /** Says of an expression what was said of an equal one that stands elsewhere. */
  repeat(recording: Recording, original: Expr, other: Expr): void {
    if (recording.warnings.size + recording.infos.size === 0) return
    const places = new Map<Span, Span>()
    pair(original, other, places)
    for (const kind of ['warnings', 'infos'] as const) {
      for (const [message, at] of [...recording[kind]]) this.#add(kind, message, places.get(at) ?? at)
    }
  }
}

/** Pairs the nodes of two equal expressions, which may differ in their parentheses. */
function pair(a: Expr, b: Expr, places: Map<Span, Span>): void {
  places.set(a, b)
  const [x, y] = [unwrap(a), unwrap(b)]
  for (let node = a; node.kind === 'paren'; node = node.expr) places.set(node.expr, node.expr === x ? y : b)
  const [below, besides] = [childrenOf(x), childrenOf(y)]
  for (const [i, child] of below.entries()) pair(child, besides[i]!, places)
}

function capped(messages: readonly string[], kind: string): string[] {
  const shown = messages.slice(0, ANNOTATIONS_MAX)
  const omitted = messages.length - shown.length
  return omitted > 0 ? [...shown, `${omitted} more ${kind} annotations omitted`] : shown
}
