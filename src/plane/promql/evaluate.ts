import { assertNever } from '../../core/errors.ts'
import { isStaleMarker, type SeriesColumns } from '../store/index.ts'
import { aggregate, checkLabelName, metricName } from './aggregate.ts'
import type { Annotations } from './annotations.ts'
import {
  type AggregateExpr,
  type BinaryExpr,
  type CallExpr,
  type Expr,
  isComparison,
  isSetOp,
  type MatrixSelectorExpr,
  type SubqueryExpr,
  unwrap,
  type VectorSelectorExpr,
} from './ast.ts'
import type { Budget } from './budget.ts'
import { absent, full, mapValues, only, sorted, timesOf, toSamples } from './columns.ts'
import {
  createStepSeries,
  dropNames,
  type Frame,
  type Grid,
  isEmpty,
  mergeSeries,
  type SampleSeries,
  type StepSeries,
  type Windows,
} from './frame.ts'
import { histogramQuantile } from './histogram-quantile.ts'
import { labelJoiner, labelReplacer } from './label-functions.ts'
import { dateFunctions, mathFunctions, roundTo } from './math-functions.ts'
import { arithmetic, comparison, operation } from './operators.ts'
import { isBadQuantile } from './quantile.ts'
import { type RangeFunction, rangeFunctions, type WindowView } from './range-functions.ts'
import { freshSamples, type QueryTimes, type Selections, shiftedTimes, subqueryGrid } from './selection.ts'
import { matchSets, matchVectors } from './vector-matching.ts'

/** What it takes to relabel a series, in the units of the budget. */
const RELABEL_WORK = 1000

export interface EvaluationDeps {
  readonly times: QueryTimes
  readonly selections: Selections
  readonly budget: Budget
  readonly annotations: Annotations
}

/**
 * Evaluates expressions over whole grids: series by series, each a column of steps, rather than step by step.
 * A range query and an instant query are the same thing here; the latter's grid has one step.
 */
export class Evaluator {
  readonly #deps: EvaluationDeps

  constructor(deps: EvaluationDeps) {
    this.#deps = deps
  }

  async evaluate(node: Expr, grid: Grid): Promise<Frame> {
    switch (node.kind) {
      case 'number':
        return { kind: 'scalar', values: new Float64Array(grid.count).fill(node.value) }
      case 'string':
        return { kind: 'string', value: node.value }
      case 'paren':
        return this.evaluate(node.expr, grid)
      case 'unary': {
        const frame = await this.evaluate(node.expr, grid)
        if (node.op === '+' || frame.kind === 'string') return frame
        if (frame.kind === 'scalar') return { kind: 'scalar', values: frame.values.map((value) => -value) }
        return vector(
          dropNames(
            mapValues(frame.series, (value) => -value),
            true,
          ),
        )
      }
      case 'vectorSelector':
        return vector(await this.#instantSelector(node, grid, false))
      case 'aggregate':
        return vector(await this.#aggregate(node, grid))
      case 'binary':
        return this.#binary(node, grid)
      case 'call':
        return this.#call(node, grid)
      case 'matrixSelector':
      case 'subquery':
        throw new Error('a range vector is evaluated by windows()')
      default:
        return assertNever(node)
    }
  }

  /** Evaluates a range vector. */
  async windows(node: Expr, grid: Grid): Promise<Windows> {
    const range = unwrap(node)
    if (range.kind === 'matrixSelector') return this.#matrixSelector(range, grid)
    if (range.kind === 'subquery') return this.#subquery(range, grid)
    throw new Error(`a range vector is a selector or a subquery, not ${range.kind}`)
  }

  async #vector(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const frame = await this.evaluate(node, grid)
    if (frame.kind !== 'vector') throw new Error(`type check let a ${frame.kind} pass for a vector`)
    return frame.series
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

  /** The newest sample of (t − lookback, t] at each step; a staleness marker ends the series there. @param ofTimes - The samples' times instead. */
  async #instantSelector(node: VectorSelectorExpr, grid: Grid, ofTimes: boolean): Promise<StepSeries[]> {
    const { budget, times } = this.#deps
    const endsMs = shiftedTimes(node, grid, times)
    const found: StepSeries[] = []
    for (const columns of this.#selected(node)) {
      const { timesMs, values } = columns
      budget.charge(values.length)
      budget.chargeSeries(1, grid.count)
      const series = createStepSeries(columns.labels, grid.count)
      let at = -1
      for (let step = 0; step < grid.count; step++) {
        const endMs = endsMs[step]!
        while (at + 1 < timesMs.length && timesMs[at + 1]! <= endMs) at++
        if (at < 0 || timesMs[at]! <= endMs - times.lookbackMs || isStaleMarker(values, at)) continue
        series.present[step] = 1
        series.values[step] = ofTimes ? timesMs[at]! / 1000 : values[at]!
      }
      if (!isEmpty(series)) found.push(series)
      if (budget.due(values.length + grid.count)) await budget.breathe()
    }
    return found
  }

  #selected(node: VectorSelectorExpr): readonly SeriesColumns[] {
    return this.#deps.selections.get(node) ?? []
  }

  async #matrixSelector(node: MatrixSelectorExpr, grid: Grid): Promise<Windows> {
    const { budget, times } = this.#deps
    const series: SampleSeries[] = []
    for (const columns of this.#selected(node.selector)) {
      budget.charge(columns.values.length)
      const fresh = freshSamples(columns)
      if (fresh.values.length > 0) series.push(fresh)
      if (budget.due(columns.values.length)) await budget.breathe()
    }
    return { series, endsMs: shiftedTimes(node.selector, grid, times), rangeMs: node.rangeMs }
  }

  async #subquery(node: SubqueryExpr, grid: Grid): Promise<Windows> {
    const { times } = this.#deps
    const endsMs = shiftedTimes(node, grid, times)
    const inner = subqueryGrid(node, endsMs, times)
    const found = inner.count === 0 ? [] : await this.#vector(node.expr, inner)
    return { series: found.map((series) => toSamples(series, inner)), endsMs, rangeMs: node.rangeMs }
  }

  async #aggregate(node: AggregateExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { annotations, budget } = this.#deps
    const label = node.op === 'count_values' ? this.#string(node.param!) : ''
    if (node.op === 'count_values') checkLabelName(label, 'invalid label name')
    const param = node.param === undefined || node.op === 'count_values' ? undefined : await this.#scalar(node.param, grid)
    if (node.op === 'quantile') for (const phi of param!) if (isBadQuantile(phi)) annotations.invalidQuantile(phi, node.param!)
    const series = await this.#vector(node.expr, grid)
    return aggregate({ node, series, steps: grid.count, param, label }, budget)
  }

  async #binary(node: BinaryExpr, grid: Grid): Promise<Frame> {
    const { op, bool, matching } = node
    const { budget } = this.#deps
    const left = await this.evaluate(node.lhs, grid)
    const right = await this.evaluate(node.rhs, grid)
    if (left.kind === 'string' || right.kind === 'string') throw new Error('type check let a string pass for an operand')
    if (isSetOp(op)) {
      if (left.kind === 'scalar' || right.kind === 'scalar') throw new Error('type check let a scalar pass for a set operand')
      return vector(await matchSets({ left: left.series, right: right.series, matching, steps: grid.count }, op, budget))
    }
    if (left.kind === 'scalar' && right.kind === 'scalar') {
      const apply = isComparison(op) ? comparison(op) : arithmetic(op)
      return { kind: 'scalar', values: left.values.map((value, i) => Number(apply(value, right.values[i]!))) }
    }
    if (left.kind === 'vector' && right.kind === 'vector') {
      const input = { left: left.series, right: right.series, matching, steps: grid.count }
      return vector(await matchVectors(input, operation(op, bool, 'left'), bool, budget))
    }
    // One vector, one scalar. A comparison that filters leaves the vector's value, whichever side it stands on.
    const { value, keep, dropsName } = operation(op, bool, left.kind === 'vector' ? 'left' : 'right')
    const series = left.kind === 'vector' ? left.series : right.kind === 'vector' ? right.series : []
    for (const { values, present } of series) {
      for (let step = 0; step < grid.count; step++) {
        const a = left.kind === 'scalar' ? left.values[step]! : values[step]!
        const b = right.kind === 'scalar' ? right.values[step]! : values[step]!
        if (keep(a, b)) values[step] = value(a, b)
        else present[step] = 0
      }
      if (budget.due(grid.count)) await budget.breathe()
    }
    const kept = series.filter((one) => !isEmpty(one))
    return vector(dropsName ? dropNames(kept, false) : kept)
  }

  async #call(node: CallExpr, grid: Grid): Promise<Frame> {
    const { name, args } = node
    const math = mathFunctions.get(name)
    if (math !== undefined) return vector(dropNames(mapValues(await this.#vector(args[0]!, grid), math), false))
    const date = dateFunctions.get(name)
    if (date !== undefined) {
      if (args.length === 0) return vector([full(timesOf(grid).map((ms) => date(ms / 1000)))])
      return vector(dropNames(mapValues(await this.#vector(args[0]!, grid), date), false))
    }
    const range = rangeFunctions.get(name)
    if (range !== undefined) return vector(await this.#rangeCall(node, range, grid))
    switch (name) {
      case 'pi':
        return { kind: 'scalar', values: new Float64Array(grid.count).fill(Math.PI) }
      case 'time':
        return { kind: 'scalar', values: timesOf(grid).map((ms) => ms / 1000) }
      case 'scalar':
        return { kind: 'scalar', values: only(await this.#vector(args[0]!, grid), grid.count) }
      case 'vector':
        return vector([full(await this.#scalar(args[0]!, grid))])
      case 'timestamp':
        return vector(await this.#timestamp(args[0]!, grid))
      case 'absent':
        return vector(absent(await this.#vector(args[0]!, grid), args[0]!, grid))
      case 'absent_over_time':
        return vector(absent(await this.#presence(args[0]!, grid), args[0]!, grid))
      case 'round':
      case 'clamp':
      case 'clamp_min':
      case 'clamp_max':
        return vector(await this.#withScalars(node, grid))
      case 'sort':
      case 'sort_desc':
        return vector(sorted(await this.#vector(args[0]!, grid), name === 'sort' ? 1 : -1, grid))
      case 'label_replace':
      case 'label_join':
        return vector(await this.#relabel(node, grid))
      case 'histogram_quantile':
        return vector(await this.#histogramQuantile(node, grid))
      default:
        throw new Error(`the function ${name} has a signature and no evaluation`)
    }
  }

  async #rangeCall(node: CallExpr, definition: RangeFunction, grid: Grid): Promise<readonly StepSeries[]> {
    const { annotations } = this.#deps
    const { name, args } = node
    const rangeArg = name === 'quantile_over_time' ? args[1]! : args[0]!
    const paramArg = name === 'quantile_over_time' ? args[0] : args[1]
    const param = paramArg === undefined ? undefined : await this.#scalar(paramArg, grid)
    const windows = await this.windows(rangeArg, grid)
    const found: StepSeries[] = []
    for (const samples of windows.series) {
      const series = await this.#slide(samples, windows, definition, param, grid)
      if (isEmpty(series)) continue
      const metric = metricName(samples.labels)
      if ((name === 'rate' || name === 'increase') && metric !== '' && !/_(?:total|sum|count|bucket)$/.test(metric)) {
        annotations.possibleNonCounter(metric, rangeArg)
      }
      if (name === 'quantile_over_time') {
        for (const [step, phi] of param!.entries())
          if (series.present[step] === 1 && isBadQuantile(phi)) annotations.invalidQuantile(phi, paramArg!)
      }
      found.push(series)
    }
    return definition.keepsName ? mergeSeries(found, true) : dropNames(found, true)
  }

  /** Moves the window over one series: both its ends only ever go forward. */
  async #slide(
    samples: SampleSeries,
    windows: Windows,
    definition: RangeFunction,
    param: Float64Array | undefined,
    grid: Grid,
  ): Promise<StepSeries> {
    const { budget } = this.#deps
    const { timesMs } = samples
    budget.chargeSeries(1, grid.count)
    const series = createStepSeries(samples.labels, grid.count)
    const view: WindowView = {
      timesMs,
      values: samples.values,
      from: 0,
      to: 0,
      endMs: 0,
      rangeMs: windows.rangeMs,
      evaluationMs: 0,
      param: 0,
    }
    for (let step = 0; step < grid.count; step++) {
      const endMs = windows.endsMs[step]!
      while (view.to < timesMs.length && timesMs[view.to]! <= endMs) view.to++
      while (view.from < view.to && timesMs[view.from]! <= endMs - windows.rangeMs) view.from++
      if (view.to - view.from < definition.samplesMin) continue
      view.endMs = endMs
      view.evaluationMs = grid.startMs + step * grid.stepMs
      view.param = param === undefined ? 0 : param[step]!
      series.present[step] = 1
      series.values[step] = definition.evaluate(view)
      if (budget.due(view.to - view.from)) await budget.breathe()
    }
    return series
  }

  /** The steps at which each series of a range vector has samples. */
  async #presence(node: Expr, grid: Grid): Promise<StepSeries[]> {
    const windows = await this.windows(node, grid)
    const found: StepSeries[] = []
    for (const samples of windows.series)
      found.push(await this.#slide(samples, windows, rangeFunctions.get('present_over_time')!, undefined, grid))
    return found
  }

  async #timestamp(node: Expr, grid: Grid): Promise<readonly StepSeries[]> {
    const inner = unwrap(node)
    // A selector alone tells when the samples were taken; anything computed is as of now.
    if (inner.kind === 'vectorSelector') return dropNames(await this.#instantSelector(inner, grid, true), false)
    const nowSeconds = timesOf(grid).map((ms) => ms / 1000)
    return dropNames(
      mapValues(await this.#vector(inner, grid), (_, step) => nowSeconds[step]!),
      false,
    )
  }

  async #withScalars({ name, args }: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const series = await this.#vector(args[0]!, grid)
    const first = args[1] === undefined ? new Float64Array(grid.count).fill(1) : await this.#scalar(args[1], grid)
    const second = args[2] === undefined ? first : await this.#scalar(args[2], grid)
    if (name === 'round')
      return dropNames(
        mapValues(series, (value, step) => roundTo(value, first[step]!)),
        false,
      )
    if (name === 'clamp_min')
      return dropNames(
        mapValues(series, (value, step) => Math.max(first[step]!, value)),
        false,
      )
    if (name === 'clamp_max')
      return dropNames(
        mapValues(series, (value, step) => Math.min(first[step]!, value)),
        false,
      )
    for (const { present } of series) for (let step = 0; step < grid.count; step++) if (first[step]! > second[step]!) present[step] = 0
    const clamped = mapValues(series, (value, step) => Math.max(first[step]!, Math.min(second[step]!, value)))
    return dropNames(
      clamped.filter((one) => !isEmpty(one)),
      false,
    )
  }

  async #relabel({ name, args }: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { budget } = this.#deps
    const texts = args.slice(1).map((arg) => this.#string(arg))
    const relabel =
      name === 'label_join'
        ? labelJoiner(texts[0]!, texts[1]!, texts.slice(2))
        : labelReplacer({ target: texts[0]!, replacement: texts[1]!, source: texts[2]!, pattern: texts[3]! })
    const relabelled: StepSeries[] = []
    for (const one of await this.#vector(args[0]!, grid)) {
      relabelled.push({ ...one, labels: relabel(one.labels) })
      if (budget.due(RELABEL_WORK)) await budget.breathe()
    }
    return mergeSeries(relabelled, true)
  }

  async #histogramQuantile({ args }: CallExpr, grid: Grid): Promise<readonly StepSeries[]> {
    const { annotations, budget } = this.#deps
    const phis = await this.#scalar(args[0]!, grid)
    const series = await this.#vector(args[1]!, grid)
    for (const phi of phis) if (isBadQuantile(phi)) annotations.invalidQuantile(phi, args[0]!)
    return histogramQuantile({ phis, series, steps: grid.count, at: args[1]! }, annotations, budget)
  }
}

function vector(series: readonly StepSeries[]): Frame {
  return { kind: 'vector', series }
}
