import { type Labels, METRIC_NAME } from '../../core/labels.ts'
import { isStaleMarker, SampleBuffer, type SelectedSeries } from '../store/index.ts'
import { metricName } from './aggregate.ts'
import { type CallExpr, type Expr, unwrap, type VectorSelectorExpr } from './ast.ts'
import { toSamples } from './columns.ts'
import type { EvaluationDeps } from './evaluation.ts'
import { createStepSeries, type Grid, isMetadata, type StepSeries, withoutMetadata } from './frame.ts'
import { isBadQuantile } from './quantile.ts'
import { shiftedTimes, subqueryGrid } from './query-times.ts'
import { RangeCall, type RangeWindows } from './range-call.ts'
import { rangeFunctions } from './range-functions.ts'
import { dropStale } from './selection.ts'
import { createWindowBounds, findBounds } from './window-bounds.ts'

/** Units of work done in one go within one series. */
const RUN_WORK = 200_000

/** One series, decoded, without staleness markers. The buffer is used again for the next. */
export interface DecodedSeries {
  readonly labels: Labels
  readonly dropName: boolean
  readonly buffer: SampleBuffer
}

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

  /** The newest sample of (t − lookback, t] at each step; a staleness marker ends the series there. @param ofTimes - The samples' times instead. */
  async eachSelected(node: VectorSelectorExpr, grid: Grid, ofTimes: boolean, visit: (series: StepSeries) => void): Promise<void> {
    const { budget, times, counter } = this.#deps
    const endsMs = shiftedTimes(node, grid, times)
    const bounds = createWindowBounds(grid.count)
    const { from, to } = bounds
    const buffer = new SampleBuffer()
    const { values: column, present } = createStepSeries([], grid.count)
    for (const selected of this.#selected(node)) {
      if (budget.due(selected.samplesMax + grid.count + 20)) await budget.breathe()
      selected.read(buffer)
      findBounds(buffer, endsMs, times.lookbackMs, bounds)
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
      if (count === 0) continue
      counter.addPresent(present, count)
      visit({ labels: selected.labels, values: column, present, dropName: false })
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
    const buffer = new SampleBuffer()
    if (range.kind === 'matrixSelector') {
      const windows = { endsMs: shiftedTimes(range.selector, grid, times), rangeMs: range.rangeMs }
      for (const selected of this.#selected(range.selector)) {
        if (budget.due(selected.samplesMax + 20)) await budget.breathe()
        selected.read(buffer)
        dropStale(buffer)
        if (buffer.length === 0) continue
        const visited = visit({ labels: selected.labels, dropName: false, buffer }, windows)
        if (visited !== undefined) await visited
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
      const visited = visit({ labels: series.labels, dropName: series.dropName, buffer }, windows)
      if (visited !== undefined) await visited
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
    let metadata: string | undefined
    for (const { labels } of this.#selected(range.selector)) {
      let one = ''
      for (let i = 0; i < labels.length; i++) {
        const pair = labels[i]!
        if (!isMetadata(pair[0])) continue
        if (pair[0] !== METRIC_NAME) return false
        one = pair[1]
      }
      metadata ??= one
      if (one !== metadata) return false
    }
    return true
  }

  async eachOfCall(call: RangeCall, visit: (series: StepSeries) => void): Promise<void> {
    const { budget, counter, delayedNameRemoval } = this.#deps
    const { grid, definition, range } = call.input
    const { bounds, present } = call.slide
    const steps = grid.count

    const emit = ({ labels }: DecodedSeries) => {
      this.#annotateCall(call, labels)
      const keeps = definition.keepsName
      visit({
        labels: keeps || delayedNameRemoval ? labels : withoutMetadata(labels),
        values: call.values,
        present,
        // As Prometheus 3.5 has it, even where a name was to be dropped below, in a subquery.
        dropName: !keeps && delayedNameRemoval,
      })
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

  /** What a query's author should know of the result of one series. */
  #annotateCall({ input, slide }: RangeCall, labels: Labels): void {
    const { annotations } = this.#deps
    const { node, range, params } = input
    if (node.name === 'rate' || node.name === 'increase') {
      const metric = metricName(labels)
      if (metric !== '' && !looksLikeCounter(metric)) {
        annotations.possibleNonCounter(metric, unwrap(range).kind === 'subquery' ? nowhere : range)
      }
    }
    if (node.name === 'quantile_over_time') {
      for (const [step, phi] of params[0]!.entries()) {
        if (slide.present[step] === 1 && isBadQuantile(phi)) annotations.invalidQuantile(phi, node.args[0]!)
      }
    }
  }
}

function looksLikeCounter(metric: string): boolean {
  return metric.endsWith('_total') || metric.endsWith('_bucket') || metric.endsWith('_count') || metric.endsWith('_sum')
}
