/** One window of one series, handed to functions that look at windows one by one; the same object is filled again and again. */
export interface WindowView {
  timesMs: Float64Array
  values: Float64Array
  /** Samples of the window: from `from`, up to and without `to`. */
  from: number
  to: number
  /** The window is (endMs − rangeMs, endMs]. */
  endMs: number
  rangeMs: number
  /** When the expression is evaluated; not `endMs` where `offset` or `@` shift the window. */
  evaluationMs: number
  /** The first scalar argument at this step, and the second. */
  param: number
  secondParam: number
}

/** The windows of one series, at all steps. */
export interface SeriesWindows {
  timesMs: Float64Array
  values: Float64Array
  /** The first `length` samples count. */
  length: number
  /** Samples of the window of step i: from `from[i]`, up to and without `to[i]`. Both never fall. */
  readonly from: Int32Array
  readonly to: Int32Array
  readonly endsMs: Float64Array
  readonly rangeMs: number
  /** When the expression is evaluated: start + i · step. */
  readonly startMs: number
  readonly stepMs: number
  /** The scalar arguments, step by step. */
  readonly params: readonly Float64Array[]
  /** 1 where the window has samples enough for the function. */
  present: Uint8Array
}

/** Computes one function for one series after another. It may keep state between runs over one series, and scratch columns for all. */
export interface RangeKernel {
  /** Called once per series, before its runs. */
  begin(series: SeriesWindows): void
  /** Fills `out` at the steps [fromStep, toStep) that are present. Runs follow one another without gaps. */
  run(series: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void
}

export interface RangeFunction {
  /** With fewer samples there is no result. */
  readonly samplesMin: 1 | 2
  /** Whether the result is still the same metric. */
  readonly keepsName: boolean
  /** Whether a run looks at every sample of every window; otherwise its work is about one unit per step. */
  readonly looksAtAll: boolean
  /** Asked at each step whose window has any sample, even where there are too few. @throws MW_PROMQL_EXECUTION for scalar arguments it refuses. */
  readonly checkParams?: (params: readonly Float64Array[], step: number) => void
  create(): RangeKernel
}

/** A function that computes each window for itself. */
export function perWindow(evaluate: (window: WindowView) => number, samplesMin: 1 | 2 = 1, keepsName = false): RangeFunction {
  return { samplesMin, keepsName, looksAtAll: true, create: () => new PerWindow(evaluate) }
}

class PerWindow implements RangeKernel {
  readonly #evaluate: (window: WindowView) => number
  readonly #view: WindowView

  constructor(evaluate: (window: WindowView) => number) {
    this.#evaluate = evaluate
    const nothing = new Float64Array()
    this.#view = { timesMs: nothing, values: nothing, from: 0, to: 0, endMs: 0, rangeMs: 0, evaluationMs: 0, param: 0, secondParam: 0 }
  }

  begin(series: SeriesWindows): void {
    this.#view.timesMs = series.timesMs
    this.#view.values = series.values
    this.#view.rangeMs = series.rangeMs
  }

  run(series: SeriesWindows, out: Float64Array, fromStep: number, toStep: number): void {
    const view = this.#view
    const evaluate = this.#evaluate
    const [first, second] = series.params
    for (let step = fromStep; step < toStep; step++) {
      if (series.present[step] === 0) continue
      view.from = series.from[step]!
      view.to = series.to[step]!
      view.endMs = series.endsMs[step]!
      view.evaluationMs = series.startMs + step * series.stepMs
      if (first !== undefined) view.param = first[step]!
      if (second !== undefined) view.secondParam = second[step]!
      out[step] = evaluate(view)
    }
  }
}

/** A function whose every value follows from the window's ends, or from columns prepared once per series. */
export function perStep(create: () => RangeKernel, samplesMin: 1 | 2 = 1, keepsName = false): RangeFunction {
  return { samplesMin, keepsName, looksAtAll: false, create }
}
