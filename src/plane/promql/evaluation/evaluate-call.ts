import { histogramFraction, histogramQuantile } from '../functions/histogram-quantile.ts'
import { addInfo } from '../functions/info.ts'
import { labelJoiner, labelReplacer } from '../functions/label-functions.ts'
import { sortedByLabels } from '../functions/label-sort.ts'
import { dateFunctions, greater, lesser, mathFunctions, roundTo } from '../functions/math-functions.ts'
import { isBadQuantile } from '../functions/quantile.ts'
import { type CallExpr, type Expr, stringOf, unwrap, type VectorSelectorExpr } from '../language/ast.ts'
import { absent, full, mapValues, nameless, only, sorted } from './columns.ts'
import type { EvaluationDeps } from './evaluation.ts'
import { type Frame, type Grid, isEmpty, mergeSeries, type StepSeries, vector } from './frame.ts'
import { infoWindow } from './info-window.ts'
import { mapInTurns } from './map-in-turns.ts'
import { shiftedTimes, timesOf } from './query-times.ts'
import { Slide } from './range-call.ts'
import type { SeriesSource } from './series-source.ts'

/** What it takes to relabel a series, in the units of the budget. */
const RELABEL_WORK = 1000

/** What is needed of the arguments. */
export interface ArgumentEvaluation {
  evaluate(node: Expr, grid: Grid): Promise<Frame>
  /** The series of a vector, for reading. */
  read(node: Expr, grid: Grid): Promise<readonly StepSeries[]>
  /** The series of a vector, with columns that may be changed in place. */
  vector(node: Expr, grid: Grid): Promise<readonly StepSeries[]>
  scalar(node: Expr, grid: Grid): Promise<Float64Array>
  /** Hands out the series of a vector one after another. Columns hold only until the visit returns, and labels may still have the metric's name. */
  each(node: Expr, grid: Grid, visit: (series: StepSeries) => void): Promise<void>
}

/** Evaluates calls of functions. */
export class CallEvaluation {
  readonly #deps: EvaluationDeps
  readonly #source: SeriesSource
  readonly #inner: ArgumentEvaluation

  constructor(deps: EvaluationDeps, source: SeriesSource, inner: ArgumentEvaluation) {
    this.#deps = deps
    this.#source = source
    this.#inner = inner
  }

  async evaluate(node: CallExpr, grid: Grid): Promise<Frame> {
    const { name, args } = node
    const math = mathFunctions.get(name)
    if (math !== undefined) return vector(await this.#mapped(args[0]!, grid, math))
    const date = dateFunctions.get(name)
    if (date !== undefined) {
      if (args.length === 0) return vector([full(timesOf(grid).map((ms) => date(ms / 1000)))])
      return vector(await this.#mapped(args[0]!, grid, date))
    }
    const range = await this.#source.toRangeCall(node, grid)
    if (range !== undefined) {
      const found = await this.#source.collect((visit) => this.#source.eachOfCall(range, visit), grid)
      return vector(
        this.#deps.delayedNameRemoval || this.#source.staysDistinct(node) ? found : await mergeSeries(found, true, this.#deps.budget),
      )
    }
    switch (name) {
      case 'pi':
        return { kind: 'scalar', values: new Float64Array(grid.count).fill(Math.PI) }
      case 'time':
        return { kind: 'scalar', values: timesOf(grid).map((ms) => ms / 1000) }
      case 'scalar':
        return { kind: 'scalar', values: only(await this.#inner.read(args[0]!, grid), grid.count) }
      case 'vector':
        return vector([full((await this.#inner.scalar(args[0]!, grid)).slice())])
      case 'timestamp':
        return vector(await this.#timestamp(args[0]!, grid))
      case 'absent':
        return vector(await this.#absent(args[0]!, grid))
      case 'absent_over_time':
        return vector(await this.#absentOverTime(args[0]!, grid))
      case 'round':
      case 'clamp':
      case 'clamp_min':
      case 'clamp_max':
        return vector(await this.#withScalars(node, grid))
      case 'sort':
      case 'sort_desc':
        return this.#reordered(args[0]!, grid, (series) => sorted(series, name === 'sort' ? 1 : -1, grid, this.#deps.budget))
      case 'sort_by_label':
      case 'sort_by_label_desc':
        return this.#sortedByLabels(node, grid)
      case 'label_replace':
      case 'label_join':
        return this.#relabel(node, grid)
      case 'histogram_quantile':
        return vector(await this.#histogramQuantile(node, grid))
      case 'histogram_fraction':
        return vector(await this.#histogramFraction(node, grid))
      case 'histogram_avg':
      case 'histogram_count':
      case 'histogram_stddev':
      case 'histogram_stdvar':
      case 'histogram_sum':
        // These speak of native histograms, and leave out everything else.
        await this.#inner.read(args[0]!, grid)
        return vector([])
      case 'info':
        return vector(await this.#info(node, grid))
      default:
        throw new Error(`the function ${name} has a signature and no evaluation`)
    }
  }

  /** The same series in another order. */
  async #reordered(
    node: Expr,
    grid: Grid,
    order: (series: readonly StepSeries[]) => readonly StepSeries[] | Promise<readonly StepSeries[]>,
  ): Promise<Frame> {
    const frame = await this.#inner.evaluate(node, grid)
    if (frame.kind !== 'vector') throw new Error(`type check let a ${frame.kind} pass for a vector`)
    return { ...frame, series: await order(frame.series) }
  }

  async #absent(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const found = new Uint8Array(grid.count)
    const note = ({ present }: StepSeries) => {
      for (let step = 0; step < found.length; step++) found[step]! |= present[step]!
    }
    await this.#inner.each(node, grid, note)
    return absent(found, node, false)
  }

  async #absentOverTime(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const { counter, delayedNameRemoval: delayed } = this.#deps
    const found = new Uint8Array(grid.count)
    const slide = new Slide(grid.count, 1)
    await this.#source.eachRange(node, grid, ({ buffer }, windows) => {
      slide.over(buffer, windows)
      counter.addWindows(slide.bounds.from, slide.bounds.to, 0, grid.count, slide.samples)
      for (let step = 0; step < found.length; step++) found[step]! |= slide.present[step]!
    })
    return absent(found, node, delayed)
  }

  async #timestamp(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const inner = unwrap(node)
    // A selector alone tells when the samples were taken; anything computed is as of now.
    if (inner.kind === 'vectorSelector') {
      const found = await this.#source.collect((visit) => this.#timesOfSamples(inner, grid, visit), grid)
      return nameless(found, false, this.#deps)
    }
    const nowSeconds = timesOf(grid).map((ms) => ms / 1000)
    const series = await this.#inner.read(inner, grid)
    const timed = await mapInTurns(series, grid.count + 20, this.#deps.budget, (one) => ({
      ...one,
      values: nowSeconds.slice(),
      present: one.present.slice(),
    }))
    return nameless(timed, false, this.#deps)
  }

  /** With both `@` and `offset`, Prometheus reads the samples that the two ask for, and then looks among them as of `@` alone. */
  #timesOfSamples(node: VectorSelectorExpr, grid: Grid, visit: (series: StepSeries) => void): Promise<void> {
    const { at, offsetMs } = node
    if (at === undefined || offsetMs === undefined) return this.#source.eachSelected(node, grid, true, visit)
    const { times } = this.#deps
    const toMs = shiftedTimes(node, grid, times)[0]!
    const within = { fromMs: toMs - times.lookbackMs + 1, toMs }
    return this.#source.eachSelected(node, grid, true, visit, within, { at, offsetMs: undefined })
  }

  async #withScalars({ name, args }: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { budget } = this.#deps
    const first = args[1] === undefined ? new Float64Array(grid.count).fill(1) : await this.#inner.scalar(args[1], grid)
    const second = args[2] === undefined ? first : await this.#inner.scalar(args[2], grid)
    if (name === 'round') return this.#mapped(args[0]!, grid, (value, step) => roundTo(value, first[step]!))
    if (name === 'clamp_min') return this.#mapped(args[0]!, grid, (value, step) => greater(first[step]!, value))
    if (name === 'clamp_max') return this.#mapped(args[0]!, grid, (value, step) => lesser(first[step]!, value))
    const series = await this.#inner.vector(args[0]!, grid)
    // Where the bounds are the wrong way round there is nothing between them.
    for (const { present } of series) {
      for (let step = 0; step < grid.count; step++) if (first[step]! > second[step]!) present[step] = 0
      if (budget.due(grid.count)) await budget.breathe()
    }
    const clamped = await mapValues(series, (value, step) => greater(first[step]!, lesser(second[step]!, value)), budget)
    return nameless(
      clamped.filter((one) => !isEmpty(one)),
      false,
      this.#deps,
    )
  }

  /** A function of single values; what comes out is another metric. */
  async #mapped(node: Expr, grid: Grid, f: (value: number, step: number) => number): Promise<readonly StepSeries[]> {
    return nameless(await mapValues(await this.#inner.vector(node, grid), f, this.#deps.budget), false, this.#deps)
  }

  async #relabel({ name, args }: CallExpr, grid: Grid): Promise<Frame> {
    const { budget } = this.#deps
    const texts = args.slice(1).map((arg) => stringOf(arg))
    const target = texts[0]!
    const relabel =
      name === 'label_join'
        ? labelJoiner(target, texts[1]!, texts.slice(2))
        : labelReplacer({ target, replacement: texts[1]!, source: texts[2]!, pattern: texts[3]! })
    const frame = await this.#inner.evaluate(args[0]!, grid)
    if (frame.kind !== 'vector') throw new Error(`type check let a ${frame.kind} pass for a vector`)
    const relabelled: StepSeries[] = []
    for (const one of frame.series) {
      const labels = relabel(one.labels)
      // A name that is given here is meant to stay.
      relabelled.push({ ...one, labels, dropName: one.dropName && !(target === '__name__' && labels !== one.labels) })
      if (budget.due(RELABEL_WORK)) await budget.breathe()
    }
    return { kind: 'vector', series: await mergeSeries(relabelled, true, budget), shared: frame.shared }
  }

  /** As with `sort`, a matrix has an order of its own. */
  async #sortedByLabels({ name, args }: CallExpr, grid: Grid): Promise<Frame> {
    const labels = args.slice(1).map((arg) => stringOf(arg))
    const direction = name === 'sort_by_label' ? 1 : -1
    return this.#reordered(args[0]!, grid, (series) => (grid.count === 1 ? sortedByLabels(series, labels, direction) : series))
  }

  async #info({ args, infoLabels }: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const selector = args[1]!
    if (infoLabels === undefined || selector.kind !== 'vectorSelector') throw new Error('info() was not resolved')
    const base = await this.#inner.read(args[0]!, grid)
    const within = infoWindow(args[0]!, grid, this.#deps.times)
    const info = await this.#source.collect((visit) => this.#source.eachSelected(selector, grid, true, visit, within), grid)
    return addInfo({ labels: infoLabels, matchers: selector.matchers, base, info, steps: grid.count }, this.#deps.budget)
  }

  async #histogramFraction(node: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { annotations, budget, plan, delayedNameRemoval: delayed } = this.#deps
    const { args } = node
    const lowers = await this.#inner.scalar(args[0]!, grid)
    const uppers = await this.#inner.scalar(args[1]!, grid)
    const series = await this.#inner.read(args[2]!, grid)
    return histogramFraction({ lowers, uppers, series, steps: grid.count, at: plan.placeOf(node, args[2]!), delayed }, annotations, budget)
  }

  async #histogramQuantile(node: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { annotations, budget, plan, delayedNameRemoval: delayed } = this.#deps
    const { args } = node
    const phis = await this.#inner.scalar(args[0]!, grid)
    const series = await this.#inner.read(args[1]!, grid)
    const phiAt = plan.placeOf(node, args[0]!)
    for (const phi of phis) if (isBadQuantile(phi)) annotations.invalidQuantile(phi, phiAt)
    return histogramQuantile({ phis, series, steps: grid.count, at: plan.placeOf(node, args[1]!), delayed }, annotations, budget)
  }
}
