import type { SampleBuffer } from '../../store/index.ts'
import { createWindowBounds, findBounds, TimesComparison, type WindowBounds } from '../functions/window-bounds.ts'
import type { RangeFunction, RangeKernel, SeriesWindows } from '../functions/window-view.ts'
import type { CallExpr, Expr } from '../language/ast.ts'
import type { Grid } from './frame.ts'

/** What the windows over a range vector are: (endsMs[i] − rangeMs, endsMs[i]] at step i. */
export interface RangeWindows {
  /** Never falling. */
  readonly endsMs: Float64Array
  readonly rangeMs: number
}

/** The window of each step over one series after another, always the same windows, and how many samples they have. */
export class Slide {
  readonly bounds: WindowBounds
  /** 1 where the window has at least `samplesMin` samples. */
  readonly present: Uint8Array
  /** Samples in all windows together. */
  samples = 0
  /** Most samples in one window. */
  samplesMax = 0
  readonly #samplesMin: number
  /** The series looked at last, and at how many steps its window has samples enough. */
  #last: SampleBuffer | undefined
  readonly #times: TimesComparison
  #count = 0

  constructor(steps: number, samplesMin: number) {
    this.bounds = createWindowBounds(steps)
    this.present = new Uint8Array(steps)
    this.#samplesMin = samplesMin
    this.#times = new TimesComparison(steps)
  }

  /**
   * Looks at a series.
   * @param buffer - Not the one of the call before: that keeps its content until this call returns.
   * @returns At how many steps its window has samples enough.
   */
  over(buffer: SampleBuffer, { endsMs, rangeMs }: RangeWindows): number {
    const last = this.#last
    this.#last = buffer
    if (last !== undefined && this.#times.areSame(last, buffer)) return this.#count
    findBounds(buffer, endsMs, rangeMs, this.bounds)
    const { from, to } = this.bounds
    const { present } = this
    const samplesMin = this.#samplesMin
    let count = 0
    let samples = 0
    let most = 0
    for (let step = 0; step < present.length; step++) {
      const size = to[step]! - from[step]!
      const enough = size >= samplesMin ? 1 : 0
      present[step] = enough
      count += enough
      samples += size
      if (size > most) most = size
    }
    this.samples = samples
    this.samplesMax = most
    this.#count = count
    return count
  }
}

export interface RangeCallInput {
  readonly node: CallExpr
  readonly definition: RangeFunction
  /** The argument that is a range vector. */
  readonly range: Expr
  /** The scalar arguments, in their order, step by step. */
  readonly params: readonly Float64Array[]
  readonly grid: Grid
}

/** A function of a range vector on its way over the series. Its columns are those of the series looked at last. */
export class RangeCall {
  readonly input: RangeCallInput
  readonly slide: Slide
  readonly values: Float64Array
  readonly #kernel: RangeKernel
  #windows: SeriesWindows | undefined

  constructor(input: RangeCallInput) {
    this.input = input
    this.slide = new Slide(input.grid.count, input.definition.samplesMin)
    this.values = new Float64Array(input.grid.count)
    this.#kernel = input.definition.create()
  }

  /** Looks at a series; follow it by `run` if there is anything to compute. @returns At how many steps there is. */
  begin(buffer: SampleBuffer, windows: RangeWindows): number {
    const count = this.slide.over(buffer, windows)
    this.#checkParams()
    if (count === 0) return 0
    const { grid, params } = this.input
    this.#windows ??= {
      timesMs: buffer.timesMs,
      values: buffer.values,
      length: 0,
      ...this.slide.bounds,
      ...windows,
      startMs: grid.startMs,
      stepMs: grid.stepMs,
      params,
      present: this.slide.present,
    }
    // The buffer may have exchanged its columns.
    this.#windows.timesMs = buffer.timesMs
    this.#windows.values = buffer.values
    this.#windows.length = buffer.length
    this.#kernel.begin(this.#windows)
    return count
  }

  #checkParams(): void {
    const { definition, params, grid } = this.input
    if (definition.checkParams === undefined) return
    const { from, to } = this.slide.bounds
    for (let step = 0; step < grid.count; step++) if (to[step]! > from[step]!) definition.checkParams(params, step)
  }

  /** Work of all steps together, in units of the budget. */
  get work(): number {
    return this.input.grid.count + (this.input.definition.looksAtAll ? this.slide.samples : 0)
  }

  /** Computes the steps [fromStep, toStep). One run follows the other. */
  run(fromStep: number, toStep: number): void {
    this.#kernel.run(this.#windows!, this.values, fromStep, toStep)
  }
}
