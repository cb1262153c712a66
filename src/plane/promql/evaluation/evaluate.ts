import { assertNever } from '../../../core/errors.ts'
import type { Recording } from '../annotations.ts'
import { promqlErrors } from '../errors.ts'
import { limitCount, limitRatio } from '../functions/limit.ts'
import { type AggregateExpr, type BinaryExpr, type Expr, isFoldOp, isSetOp, stringOf, type UnaryExpr, unwrap } from '../language/ast.ts'
import { quote } from '../language/literals.ts'
import type { SampleCounts } from '../stats.ts'
import { countValues, Folding, isLabelName, pick, quantiles } from './aggregate.ts'
import { annotateQuantiles } from './aggregate-param.ts'
import { withScalar } from './binary-scalar.ts'
import { copied, mapValues, nameless, repeated } from './columns.ts'
import { CallEvaluation } from './evaluate-call.ts'
import type { EvaluationDeps } from './evaluation.ts'
import { countPresent, type Frame, type Grid, isInstant, type SampleSeries, type StepSeries, vector } from './frame.ts'
import { scalarOperation } from './operators.ts'
import { firstStep } from './plan.ts'
import { Slide } from './range-call.ts'
import { SeriesSource } from './series-source.ts'
import { matchSets, matchVectors } from './vector-matching.ts'

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
  readonly #calls: CallEvaluation
  readonly #shared = new Map<string, SharedResult>()
  /** Levels of the expression that are under way. */
  #levels = 0

  constructor(deps: EvaluationDeps) {
    this.#deps = deps
    this.#source = new SeriesSource(deps, {
      read: (node, grid) => this.#read(node, grid),
      scalar: (node, grid) => this.#scalar(node, grid),
    })
    this.#calls = new CallEvaluation(deps, this.#source, {
      evaluate: (node, grid) => this.evaluate(node, grid),
      read: (node, grid) => this.#read(node, grid),
      vector: (node, grid) => this.#vector(node, grid),
      scalar: (node, grid) => this.#scalar(node, grid),
      each: (node, grid, visit) => this.#each(node, grid, visit, true),
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
        return this.#calls.evaluate(node, grid)
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
      const label = stringOf(node.param!)
      if (!isLabelName(label)) throw promqlErrors.MW_PROMQL_EXECUTION(`invalid label name ${quote(label)}`)
      return countValues({ node, series: await this.#read(node.expr, grid), steps, label }, budget)
    }
    const param = await this.#scalar(node.param!, grid)
    const series = await this.#read(node.expr, grid)
    if (op === 'quantile') annotateQuantiles(param, unwrap(node.param!), annotations)
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
    return vector(await nameless(await mapValues(series, (value) => -value, budget), true, this.#deps))
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
    return vector(renamed ? await nameless(series, false, this.#deps) : series)
  }
}

function asShared(frame: Frame): Frame {
  return frame.kind === 'vector' ? { ...frame, shared: true } : frame
}
