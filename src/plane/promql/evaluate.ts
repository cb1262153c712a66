import { assertNever } from '../../core/errors.ts'
import { checkLabelName, countValues, Folding, pick, quantiles } from './aggregate.ts'
import type { Annotations, Recording } from './annotations.ts'
import { type AggregateExpr, type BinaryExpr, type CallExpr, type Expr, isSetOp, type UnaryExpr, unwrap } from './ast.ts'
import { withScalar } from './binary-scalar.ts'
import { absent, copied, full, mapValues, only, repeated, sorted } from './columns.ts'
import type { EvaluationDeps } from './evaluation.ts'
import { isFoldOp } from './folds.ts'
import {
  countPresent,
  type Frame,
  type Grid,
  isEmpty,
  isInstant,
  mergeSeries,
  type SampleSeries,
  type StepSeries,
  withoutMetadata,
} from './frame.ts'
import { histogramFraction, histogramQuantile } from './histogram-quantile.ts'
import { addInfo } from './info.ts'
import { labelJoiner, labelReplacer } from './label-functions.ts'
import { sortedByLabels } from './label-sort.ts'
import { limitCount, limitRatio } from './limit.ts'
import { mapInTurns } from './map-in-turns.ts'
import { dateFunctions, greater, lesser, mathFunctions, roundTo } from './math-functions.ts'
import { scalarOperation } from './operators.ts'
import { firstStep } from './plan.ts'
import { isBadQuantile } from './quantile.ts'
import { timesOf } from './query-times.ts'
import { Slide } from './range-call.ts'
import { SeriesSource } from './series-source.ts'
import type { SampleCounts } from './stats.ts'
import { matchSets, matchVectors } from './vector-matching.ts'

/** What it takes to relabel a series, in the units of the budget. */
const RELABEL_WORK = 1000
/** Most levels of an expression that are evaluated on one stack. */
const LEVELS_PER_STACK = 100

interface SharedResult {
  readonly node: Expr
  readonly frame: Frame
  readonly annotations: Recording
  readonly counts: SampleCounts
}

/**
 * Evaluates expressions over whole grids: series by series, each a column of steps, rather than step by step.
 * A range query and an instant query are the same thing here; the latter's grid has one step.
 *
 * Samples are decoded one series at a time into one buffer, and become a column, or go into an aggregation's, at once. Equal expressions are
 * evaluated once; what does not change from step to step, at one step.
 */
export class Evaluator {
  readonly #deps: EvaluationDeps
  readonly #source: SeriesSource
  readonly #shared = new Map<string, SharedResult>()
  /** Levels of the expression that are under way. */
  #levels = 0

  constructor(deps: EvaluationDeps) {
    this.#deps = deps
    this.#source = new SeriesSource(deps, {
      read: (node, grid) => this.#read(node, grid),
      scalar: (node, grid) => this.#scalar(node, grid),
    })
  }

  async evaluate(node: Expr, grid: Grid): Promise<Frame> {
    if (node.kind === 'paren') return this.evaluate(unwrap(node), grid)
    if (node.kind === 'number') return { kind: 'scalar', values: new Float64Array(grid.count).fill(node.value) }
    if (node.kind === 'string') return { kind: 'string', value: node.value }
    const { plan, annotations, budget, counter } = this.#deps
    if (grid.count > 1 && plan.isInvariant(node)) return this.#broadcast(node, grid)
    const key = plan.sharedKey(node, grid)
    if (key === undefined) return this.#settled(node, grid)
    const known = this.#shared.get(key)
    if (known !== undefined) {
      annotations.repeat(known.annotations, known.node, node)
      counter.repeat(known.counts)
      return known.frame
    }
    const recording = annotations.startRecording()
    const counts = counter.snapshot()
    const held = budget.held
    const frame = asShared(await this.#settled(node, grid))
    annotations.endRecording()
    budget.keep(budget.held - held)
    this.#shared.set(key, { node, frame, annotations: recording, counts: counter.since(counts) })
    return frame
  }

  /** The samples of a range vector at the first step of a grid. */
  async samples(node: Expr, grid: Grid): Promise<SampleSeries[]> {
    const { counter, budget } = this.#deps
    const found: SampleSeries[] = []
    const slide = new Slide(grid.count, 1)
    await this.#source.eachRange(node, grid, ({ labels, dropName, buffer }, windows) => {
      if (slide.over(buffer, windows) === 0) return
      const from = slide.bounds.from[0]!
      const to = slide.bounds.to[0]!
      budget.charge(to - from)
      if (unwrap(node).kind === 'matrixSelector') counter.addWindows(slide.bounds.from, slide.bounds.to, 0, 1, slide.samples)
      found.push({ labels, dropName, timesMs: buffer.timesMs.slice(from, to), values: buffer.values.slice(from, to) })
    })
    return found
  }

  /** Evaluates what holds at every step once. */
  async #broadcast(node: Expr, grid: Grid): Promise<Frame> {
    const { counter, budget } = this.#deps
    const mode = counter.enter('every')
    const frame = await this.evaluate(node, firstStep(grid))
    counter.leave(mode)
    if (frame.kind === 'scalar') return { kind: 'scalar', values: new Float64Array(grid.count).fill(frame.values[0]!) }
    if (frame.kind === 'string') return frame
    budget.charge(frame.series.length * grid.count)
    return vector(await repeated(frame.series, grid.count, budget))
  }

  /** Evaluates, and counts what is left of the samples held on the way: those of the result. */
  async #settled(node: Expr, grid: Grid): Promise<Frame> {
    const { budget, exactCounts } = this.#deps
    // A tree of a thousand levels would fill the stack; what is waited for begins a new one.
    if (++this.#levels % LEVELS_PER_STACK === 0) await undefined
    const before = budget.held
    const frame = await this.#evaluate(node, grid)
    this.#levels--
    if (frame.kind !== 'vector') budget.settle(before + (frame.kind === 'scalar' ? grid.count : 0))
    else if (exactCounts) budget.settle(before + frame.series.reduce((sum, one) => sum + countPresent(one), 0))
    else budget.settle(before + frame.series.length * grid.count)
    return frame
  }

  async #evaluate(node: Expr, grid: Grid): Promise<Frame> {
    switch (node.kind) {
      case 'unary':
        return this.#unary(node, grid)
      case 'vectorSelector':
        return vector(await this.#source.collect((visit) => this.#source.eachSelected(node, grid, false, visit), grid))
      case 'aggregate':
        return vector(await this.#aggregate(node, grid))
      case 'binary':
        return this.#binary(node, grid)
      case 'call':
        return this.#call(node, grid)
      case 'number':
      case 'string':
      case 'paren':
        return this.evaluate(node, grid)
      case 'matrixSelector':
      case 'subquery':
        throw new Error('a range vector is evaluated series by series')
      default:
        return assertNever(node)
    }
  }

  /** The series of a vector, for reading. */
  async #read(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const frame = await this.evaluate(node, grid)
    if (frame.kind !== 'vector') throw new Error(`type check let a ${frame.kind} pass for a vector`)
    return frame.series
  }

  /** The series of a vector, with columns that may be changed in place. */
  async #vector(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const frame = await this.evaluate(node, grid)
    if (frame.kind !== 'vector') throw new Error(`type check let a ${frame.kind} pass for a vector`)
    return frame.shared ? copied(frame.series, this.#deps.budget) : frame.series
  }

  async #scalar(node: Expr, grid: Grid): Promise<Float64Array> {
    const frame = await this.evaluate(node, grid)
    if (frame.kind !== 'scalar') throw new Error(`type check let a ${frame.kind} pass for a scalar`)
    return frame.values
  }

  #string(node: Expr): string {
    const inner = unwrap(node)
    if (inner.kind !== 'string') throw new Error(`type check let a ${inner.kind} pass for a string`)
    return inner.value
  }

  /**
   * The same series under labels without the metric's name; or, where names are dropped at the end, marked for it.
   * @param strict - See `mergeSeries`.
   */
  async #nameless(series: readonly StepSeries[], strict: boolean): Promise<readonly StepSeries[]> {
    const { budget, delayedNameRemoval } = this.#deps
    if (delayedNameRemoval) return mapInTurns(series, 20, budget, (one) => ({ ...one, dropName: true }))
    const renamed = await mapInTurns(series, 30, budget, (one) => ({ ...one, labels: withoutMetadata(one.labels) }))
    return mergeSeries(renamed, strict, budget)
  }

  /**
   * Hands out the series of a vector one after another. Their columns hold only until the call returns: where series are made one by one,
   * each takes the place of the one before.
   * @param asNamed - Whether series may keep the metric's name where a function drops it, because the visitor does not look.
   */
  async #each(node: Expr, grid: Grid, visit: (series: StepSeries) => void, asNamed: boolean): Promise<void> {
    const { plan, budget } = this.#deps
    const inner = unwrap(node)
    const isLone = !(grid.count > 1 && plan.isInvariant(inner)) && plan.sharedKey(inner, grid) === undefined
    if (isLone && inner.kind === 'vectorSelector') return this.#source.eachSelected(inner, grid, false, visit)
    if (isLone && inner.kind === 'call' && this.#source.staysDistinct(inner)) {
      const call = await this.#source.toRangeCall(inner, grid)
      if (call !== undefined) return this.#source.eachOfCall(call, visit, asNamed)
    }
    for (const series of await this.#read(inner, grid)) {
      visit(series)
      if (budget.due(grid.count + 20)) await budget.breathe()
    }
  }

  async #aggregate(node: AggregateExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { annotations, budget } = this.#deps
    const { op } = node
    const steps = grid.count
    if (isFoldOp(op)) {
      const folding = new Folding({ ...node, op }, steps, budget)
      await this.#each(node.expr, grid, (series) => folding.add(series), folding.ignoresMetadata)
      return folding.finish()
    }
    if (op === 'count_values') {
      const label = this.#string(node.param!)
      checkLabelName(label, 'invalid label name')
      return countValues({ node, series: await this.#read(node.expr, grid), steps, label }, budget)
    }
    const param = await this.#scalar(node.param!, grid)
    const series = await this.#read(node.expr, grid)
    if (op === 'quantile') annotateQuantiles(param, node.param!, annotations)
    switch (op) {
      case 'quantile':
        return quantiles({ node, series, steps, param }, budget)
      case 'topk':
      case 'bottomk':
        return pick({ node: { ...node, op }, series, steps, param }, budget)
      case 'limitk':
        return limitCount({ node, series, steps, param }, budget)
      case 'limit_ratio':
        return limitRatio({ node, series, steps, param }, annotations, budget)
      default:
        throw new Error(`the aggregation ${op} has no evaluation`)
    }
  }

  async #unary(node: UnaryExpr, grid: Grid): Promise<Frame> {
    if (node.op === '+') return this.evaluate(node.expr, grid)
    const frame = await this.evaluate(node.expr, grid)
    if (frame.kind === 'string') return frame
    if (frame.kind === 'scalar') return { kind: 'scalar', values: frame.values.map((value) => -value) }
    const { budget } = this.#deps
    const series = frame.shared ? await copied(frame.series, budget) : frame.series
    return vector(await this.#nameless(await mapValues(series, (value) => -value, budget), true))
  }

  async #binary(node: BinaryExpr, grid: Grid): Promise<Frame> {
    const { op, bool, matching } = node
    const { budget, delayedNameRemoval: delayed } = this.#deps
    const left = await this.evaluate(node.lhs, grid)
    const right = await this.evaluate(node.rhs, grid)
    if (left.kind === 'string' || right.kind === 'string') throw new Error('type check let a string pass for an operand')
    const steps = grid.count
    // At a lone step Prometheus leaves it to the end of the query to find equal labels.
    const lenient = delayed && isInstant(grid)
    if (isSetOp(op)) {
      if (left.kind === 'scalar' || right.kind === 'scalar') throw new Error('type check let a scalar pass for a set operand')
      const series = await matchSets({ left: left.series, right: right.series, matching, steps }, { op, lenient }, budget)
      return { kind: 'vector', series, shared: left.shared || right.shared }
    }
    if (left.kind === 'scalar' && right.kind === 'scalar') return { kind: 'scalar', values: scalarOperation(op, left.values, right.values) }
    if (left.kind === 'vector' && right.kind === 'vector') {
      const input = { left: left.series, right: right.series, matching, steps }
      return vector(await matchVectors(input, { op, bool, delayed, lenient }, budget))
    }
    const { series, renamed } = await withScalar({ op, bool, left, right, steps }, budget)
    return vector(renamed ? await this.#nameless(series, false) : series)
  }

  async #call(node: CallExpr, grid: Grid): Promise<Frame> {
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
      return vector(this.#delayed || this.#source.staysDistinct(node) ? found : await mergeSeries(found, true, this.#deps.budget))
    }
    switch (name) {
      case 'pi':
        return { kind: 'scalar', values: new Float64Array(grid.count).fill(Math.PI) }
      case 'time':
        return { kind: 'scalar', values: timesOf(grid).map((ms) => ms / 1000) }
      case 'scalar':
        return { kind: 'scalar', values: only(await this.#read(args[0]!, grid), grid.count) }
      case 'vector':
        return vector([full((await this.#scalar(args[0]!, grid)).slice())])
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
        await this.#read(args[0]!, grid)
        return vector([])
      case 'info':
        return vector(await this.#info(node, grid))
      default:
        throw new Error(`the function ${name} has a signature and no evaluation`)
    }
  }

  get #delayed(): boolean {
    return this.#deps.delayedNameRemoval
  }

  /** The same series in another order. */
  async #reordered(
    node: Expr,
    grid: Grid,
    order: (series: readonly StepSeries[]) => readonly StepSeries[] | Promise<readonly StepSeries[]>,
  ): Promise<Frame> {
    const frame = await this.evaluate(node, grid)
    if (frame.kind !== 'vector') throw new Error(`type check let a ${frame.kind} pass for a vector`)
    return { ...frame, series: await order(frame.series) }
  }

  async #absent(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const found = new Uint8Array(grid.count)
    const note = ({ present }: StepSeries) => {
      for (let step = 0; step < found.length; step++) found[step]! |= present[step]!
    }
    await this.#each(node, grid, note, true)
    return absent(found, node)
  }

  async #absentOverTime(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const { counter } = this.#deps
    const found = new Uint8Array(grid.count)
    const slide = new Slide(grid.count, 1)
    await this.#source.eachRange(node, grid, ({ buffer }, windows) => {
      slide.over(buffer, windows)
      counter.addWindows(slide.bounds.from, slide.bounds.to, 0, grid.count, slide.samples)
      for (let step = 0; step < found.length; step++) found[step]! |= slide.present[step]!
    })
    return absent(found, node)
  }

  async #timestamp(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const inner = unwrap(node)
    // A selector alone tells when the samples were taken; anything computed is as of now.
    if (inner.kind === 'vectorSelector') {
      return this.#nameless(await this.#source.collect((visit) => this.#source.eachSelected(inner, grid, true, visit), grid), false)
    }
    const nowSeconds = timesOf(grid).map((ms) => ms / 1000)
    const series = await this.#read(inner, grid)
    const timed = await mapInTurns(series, grid.count + 20, this.#deps.budget, (one) => ({
      ...one,
      values: nowSeconds.slice(),
      present: one.present.slice(),
    }))
    return this.#nameless(timed, false)
  }

  async #withScalars({ name, args }: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { budget } = this.#deps
    const first = args[1] === undefined ? new Float64Array(grid.count).fill(1) : await this.#scalar(args[1], grid)
    const second = args[2] === undefined ? first : await this.#scalar(args[2], grid)
    if (name === 'round') return this.#mapped(args[0]!, grid, (value, step) => roundTo(value, first[step]!))
    if (name === 'clamp_min') return this.#mapped(args[0]!, grid, (value, step) => greater(first[step]!, value))
    if (name === 'clamp_max') return this.#mapped(args[0]!, grid, (value, step) => lesser(first[step]!, value))
    const series = await this.#vector(args[0]!, grid)
    // Where the bounds are the wrong way round there is nothing between them.
    for (const { present } of series) {
      for (let step = 0; step < grid.count; step++) if (first[step]! > second[step]!) present[step] = 0
      if (budget.due(grid.count)) await budget.breathe()
    }
    const clamped = await mapValues(series, (value, step) => greater(first[step]!, lesser(second[step]!, value)), budget)
    return this.#nameless(
      clamped.filter((one) => !isEmpty(one)),
      false,
    )
  }

  /** A function of single values; what comes out is another metric. */
  async #mapped(node: Expr, grid: Grid, f: (value: number, step: number) => number): Promise<readonly StepSeries[]> {
    return this.#nameless(await mapValues(await this.#vector(node, grid), f, this.#deps.budget), false)
  }

  async #relabel({ name, args }: CallExpr, grid: Grid): Promise<Frame> {
    const { budget } = this.#deps
    const texts = args.slice(1).map((arg) => this.#string(arg))
    const target = texts[0]!
    const relabel =
      name === 'label_join'
        ? labelJoiner(target, texts[1]!, texts.slice(2))
        : labelReplacer({ target, replacement: texts[1]!, source: texts[2]!, pattern: texts[3]! })
    const frame = await this.evaluate(args[0]!, grid)
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
    const labels = args.slice(1).map((arg) => this.#string(arg))
    const direction = name === 'sort_by_label' ? 1 : -1
    return this.#reordered(args[0]!, grid, (series) => (grid.count === 1 ? sortedByLabels(series, labels, direction) : series))
  }

  async #info({ args, infoLabels }: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const selector = args[1]!
    if (infoLabels === undefined || selector.kind !== 'vectorSelector') throw new Error('info() was not resolved')
    const base = await this.#read(args[0]!, grid)
    const info = await this.#source.collect((visit) => this.#source.eachSelected(selector, grid, true, visit), grid)
    return addInfo({ labels: infoLabels, matchers: selector.matchers, base, info, steps: grid.count }, this.#deps.budget)
  }

  async #histogramFraction({ args }: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { annotations, budget, delayedNameRemoval: delayed } = this.#deps
    const lowers = await this.#scalar(args[0]!, grid)
    const uppers = await this.#scalar(args[1]!, grid)
    const series = await this.#read(args[2]!, grid)
    return histogramFraction({ lowers, uppers, series, steps: grid.count, at: args[2]!, delayed }, annotations, budget)
  }

  async #histogramQuantile({ args }: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { annotations, budget, delayedNameRemoval: delayed } = this.#deps
    const phis = await this.#scalar(args[0]!, grid)
    const series = await this.#read(args[1]!, grid)
    for (const phi of phis) if (isBadQuantile(phi)) annotations.invalidQuantile(phi, args[0]!)
    return histogramQuantile({ phis, series, steps: grid.count, at: args[1]!, delayed }, annotations, budget)
  }
}

function vector(series: readonly StepSeries[]): Frame {
  return { kind: 'vector', series, shared: false }
}

function asShared(frame: Frame): Frame {
  return frame.kind === 'vector' ? { ...frame, shared: true } : frame
}

/** Of quantiles that are out of bounds, Prometheus tells the greatest, the least, and NaN. */
function annotateQuantiles(phis: Float64Array, at: Expr, annotations: Annotations): void {
  let [least, most] = [0, 1]
  let anyNaN = false
  for (const phi of phis) {
    if (Number.isNaN(phi)) anyNaN = true
    if (phi < least) least = phi
    if (phi > most) most = phi
  }
  if (anyNaN) annotations.invalidQuantile(Number.NaN, at)
  if (most > 1) annotations.invalidQuantile(most, at)
  if (least < 0) annotations.invalidQuantile(least, at)
}
