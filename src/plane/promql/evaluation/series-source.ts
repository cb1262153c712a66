import { type Labels, METRIC_NAME } from '../../../core/labels.ts'
import { isStaleMarker, SampleBuffer, type SelectedSeries } from '../../store/index.ts'
import { isBadQuantile } from '../functions/quantile.ts'
import { rangeFunctions } from '../functions/range-functions.ts'
import { createWindowBounds, findBounds, TimesComparison } from '../functions/window-bounds.ts'
import { type CallExpr, type Expr, type TimeShift, unwrap, type VectorSelectorExpr } from '../language/ast.ts'
import { metricName } from './aggregate.ts'
import { toSamples } from './columns.ts'
import type { EvaluationDeps } from './evaluation.ts'
import { createStepSeries, type Grid, metadataFrom, type StepSeries, withoutMetadata } from './frame.ts'
import { shiftedTimes, subqueryGrid } from './query-times.ts'
import { RangeCall, type RangeWindows } from './range-call.ts'
import { dropStale, keepWithin, type TimeSpan } from './selection.ts'

/** Units of work done in one go within one series. */
const RUN_WORK = 200_000

/** One series, decoded, without staleness markers. It holds until the next one is handed out. */
export interface DecodedSeries {
  readonly labels: Labels
  readonly dropName: boolean
  readonly buffer: SampleBuffer
}

type Reused<T> = { -readonly [K in keyof T]: T[K] }

/** Prometheus knows no place for the result of a subquery, and so names the start of the query. */
const nowhere = { from: 0, to: 0 }

/** What is needed of expressions inside of range vectors and calls. */
export interface InnerEvaluation {
  /** The series of a vector, for reading. */
  read(node: Expr, grid: Grid): Promise<readonly StepSeries[]>
  scalar(node: Expr, grid: Grid): Promise<Float64Array>
}

/** Where series come from: selectors, and functions of range vectors. They are decoded and made one by one, into columns that are used again. */
export class SeriesSource {
  readonly #deps: EvaluationDeps
  readonly #inner: InnerEvaluation

  constructor(deps: EvaluationDeps, inner: InnerEvaluation) {
    this.#deps = deps
    this.#inner = inner
  }

  /** Keeps copies of series that are handed out one by one. */
  async collect(each: (visit: (series: StepSeries) => void) => Promise<void>, grid: Grid): Promise<StepSeries[]> {
    const { budget } = this.#deps
    const found: StepSeries[] = []
    await each(({ labels, values, present, dropName }) => {
      budget.charge(grid.count)
      found.push({ labels, values: values.slice(), present: present.slice(), dropName })
    })
    return found
  }

  /**
   * The newest sample of (t − lookback, t] at each step; a staleness marker ends the series there.
   * @param ofTimes - The samples' times instead.
   * @param within - Where samples are to be looked for at all.
   * @param shift - When t is, if not as the selector says itself.
   */
  async eachSelected(
    node: VectorSelectorExpr,
    grid: Grid,
    ofTimes: boolean,
    visit: (series: StepSeries) => void,
    within?: TimeSpan,
    shift: TimeShift = node,
  ): Promise<void> {
    const { budget, times, counter } = this.#deps
    const endsMs = shiftedTimes(shift, grid, times)
    const bounds = createWindowBounds(grid.count)
    const { from, to } = bounds
    let buffer = new SampleBuffer()
    let last = new SampleBuffer()
    let found = false
    const comparison = new TimesComparison(grid.count)
    const series: Reused<StepSeries> = createStepSeries([], grid.count)
    const { values: column, present } = series
    for (const selected of this.#selected(node)) {
      if (budget.due(selected.samplesMax + grid.count + 20)) await budget.breathe()
      selected.read(buffer)
      if (within !== undefined) keepWithin(buffer, within)
      if (!found || !comparison.areSame(last, buffer)) findBounds(buffer, endsMs, times.lookbackMs, bounds)
      found = true
      const { timesMs, values } = buffer
      let count = 0
      for (let step = 0; step < present.length; step++) {
        const at = to[step]! - 1
        if (at < from[step]! || isStaleMarker(values, at)) {
          present[step] = 0
          continue
        }
        present[step] = 1
        count++
        column[step] = ofTimes ? timesMs[at]! / 1000 : values[at]!
      }
      ;[buffer, last] = [last, buffer]
      if (count === 0) continue
      counter.addPresent(present, count)
      series.labels = selected.labels
      visit(series)
    }
  }

  #selected(node: VectorSelectorExpr): readonly SelectedSeries[] {
    return this.#deps.selections.bySelector.get(node) ?? []
  }

  /** Hands out the series of a range vector one after another, and the windows they are to be looked at through. */
  async eachRange(
    node: Expr,
    grid: Grid,
    visit: (series: DecodedSeries, windows: RangeWindows) => Promise<void> | undefined | void,
  ): Promise<void> {
    const { budget, times, counter, isInstant } = this.#deps
    const range = unwrap(node)
    // Two of them take turns, so that a series can be compared with the one before.
    let buffer = new SampleBuffer()
    let last = new SampleBuffer()
    const decoded: Reused<DecodedSeries> = { labels: [], dropName: false, buffer }
    if (range.kind === 'matrixSelector') {
      const windows = { endsMs: shiftedTimes(range.selector, grid, times), rangeMs: range.rangeMs }
      for (const selected of this.#selected(range.selector)) {
        if (budget.due(selected.samplesMax + 20)) await budget.breathe()
        selected.read(buffer)
        dropStale(buffer)
        if (buffer.length === 0) continue
        decoded.labels = selected.labels
        decoded.buffer = buffer
        const visited = visit(decoded, windows)
        if (visited !== undefined) await visited
        ;[buffer, last] = [last, buffer]
      }
      return
    }
    if (range.kind !== 'subquery') throw new Error(`a range vector is a selector or a subquery, not ${range.kind}`)
    const windows = { endsMs: shiftedTimes(range, grid, times), rangeMs: range.rangeMs }
    const inner = subqueryGrid(range, windows.endsMs, times)
    if (inner.count === 0) return
    // A subquery that is the whole question is counted by what it looks at; any other by the windows over its result.
    const mode = counter.enter(isInstant && node === this.#deps.plan.root ? 'every' : 'none')
    const found = await this.#inner.read(range.expr, inner)
    counter.leave(mode)
    for (const series of found) {
      if (budget.due(inner.count + 20)) await budget.breathe()
      toSamples(series, inner, buffer)
      decoded.labels = series.labels
      decoded.dropName = series.dropName
      decoded.buffer = buffer
      const visited = visit(decoded, windows)
      if (visited !== undefined) await visited
      ;[buffer, last] = [last, buffer]
    }
  }

  /** A call of a function of a range vector, ready to run; undefined for other functions. */
  async toRangeCall(node: CallExpr, grid: Grid): Promise<RangeCall | undefined> {
    const definition = rangeFunctions.get(node.name)
    if (definition === undefined) return undefined
    const params: Float64Array[] = []
    let range: Expr | undefined
    for (const arg of node.args) {
      const inner = unwrap(arg)
      if (inner.kind === 'matrixSelector' || inner.kind === 'subquery') range = arg
      else params.push(await this.#inner.scalar(arg, grid))
    }
    return new RangeCall({ node, definition, range: range!, params, grid })
  }

  /** Whether the series of a call have different labels even without the metric's name, so that none need be compared. */
  staysDistinct(node: CallExpr): boolean {
    if (this.#deps.delayedNameRemoval || rangeFunctions.get(node.name)?.keepsName === true) return true
    const range = node.args.map(unwrap).find(({ kind }) => kind === 'matrixSelector' || kind === 'subquery')
    if (range?.kind !== 'matrixSelector') return false
    let metric: string | undefined
    for (const { labels } of this.#selected(range.selector)) {
      const at = metadataFrom(labels, 0)
      let one = ''
      if (at >= 0) {
        const pair = labels[at]!
        if (pair[0] !== METRIC_NAME || metadataFrom(labels, at + 1) >= 0) return false
        one = pair[1]
      }
      metric ??= one
      if (one !== metric) return false
    }
    return true
  }

  /** @param asNamed - Whether the series may keep labels that the function drops, for whoever does not look at them. */
  async eachOfCall(call: RangeCall, visit: (series: StepSeries) => void, asNamed = false): Promise<void> {
    const { budget, counter, delayedNameRemoval } = this.#deps
    const { grid, definition, range } = call.input
    const { bounds, present } = call.slide
    const steps = grid.count

    const keepsLabels = asNamed || delayedNameRemoval || definition.keepsName
    // As Prometheus 3.5 has it, even where a name was to be dropped below, in a subquery.
    const dropName = !definition.keepsName && delayedNameRemoval
    const annotate = this.#annotator(call)

    const result: Reused<StepSeries> = { labels: [], values: call.values, present, dropName }
    const emit = ({ labels }: DecodedSeries) => {
      annotate?.(labels)
      result.labels = keepsLabels ? labels : withoutMetadata(labels)
      visit(result)
    }
    const runSlowly = async (series: DecodedSeries) => {
      const stride = Math.max(1, Math.floor((steps * RUN_WORK) / call.work))
      for (let from = 0; from < steps; from += stride) {
        call.run(from, Math.min(from + stride, steps))
        if (budget.due((call.work / steps) * stride)) await budget.breathe()
      }
      emit(series)
    }

    await this.eachRange(range, grid, (series, windows) => {
      const count = call.begin(series.buffer, windows)
      const { samples, samplesMax } = call.slide
      if (samples > 0) counter.addWindows(bounds.from, bounds.to, 0, steps, samples)
      if (count === 0) return undefined
      budget.glance(samplesMax)
      if (call.work > RUN_WORK) return runSlowly(series)
      budget.due(call.work)
      call.run(0, steps)
      return emit(series)
    })
  }

  /** What tells a query's author what there is to know of the result of one series; undefined where there never is anything. */
  #annotator({ input, slide }: RangeCall): ((labels: Labels) => void) | undefined {
    const { annotations, plan } = this.#deps
    const { node, range, params } = input
    if (node.name === 'rate' || node.name === 'increase') {
      const at = unwrap(range).kind === 'subquery' ? nowhere : plan.placeOf(node, range)
      let known = ''
      return (labels) => {
        const metric = metricName(labels)
        if (metric === known) return
        known = metric
        if (!looksLikeCounter(metric)) annotations.possibleNonCounter(metric, at)
      }
    }
    if (node.name !== 'quantile_over_time') return undefined
    const at = plan.placeOf(node, node.args[0]!)
    return () => {
      for (const [step, phi] of params[0]!.entries()) {
        if (slide.present[step] === 1 && isBadQuantile(phi)) annotations.invalidQuantile(phi, at)
      }
    }
  }
}

function looksLikeCounter(metric: string): boolean {
  return metric.endsWith('_total') || metric.endsWith('_bucket') || metric.endsWith('_count') || metric.endsWith('_sum')
}
