import type { Labels } from '../../core/labels.ts'

export interface ScalarValue {
  readonly kind: 'scalar'
  readonly timeMs: number
  readonly value: number
}

export interface StringValue {
  readonly kind: 'string'
  readonly timeMs: number
  readonly value: string
}

export interface VectorSample {
  readonly labels: Labels
  readonly timeMs: number
  readonly value: number
}

/** An instant vector, in the order the expression gives (sort and topk order it; otherwise unordered). */
export interface VectorValue {
  readonly kind: 'vector'
  readonly samples: readonly VectorSample[]
}

/** Columns of equal length, oldest first. */
export interface MatrixSeries {
  readonly labels: Labels
  readonly timesMs: Float64Array
  readonly values: Float64Array
}

/** A range vector, sorted by labels. */
export interface MatrixValue {
  readonly kind: 'matrix'
  readonly series: readonly MatrixSeries[]
}

export type QueryValue = ScalarValue | StringValue | VectorValue | MatrixValue

export interface QueryResult<V extends QueryValue = QueryValue> {
  readonly value: V
  readonly warnings: readonly string[]
  readonly infos: readonly string[]
  /** What the query took; the engine always says it. */
  readonly stats?: QueryStats
}

/** What a query took, in the shape and the units of Prometheus's `stats=all`: times are seconds. */
export interface QueryStats {
  readonly timings: {
    readonly evalTotalTime: number
    readonly resultSortTime: number
    readonly queryPreparationTime: number
    readonly innerEvalTime: number
    readonly execQueueTime: number
    readonly execTotalTime: number
  }
  readonly samples: {
    /** Time in seconds and samples looked at, step by step; only when asked for. */
    readonly totalQueryableSamplesPerStep?: readonly (readonly [timeSeconds: number, samples: number])[]
    /** Samples looked at, each as often as it was. */
    readonly totalQueryableSamples: number
    /** The most samples held in memory at a time. */
    readonly peakSamples: number
  }
}

export interface QueryOptions {
  /** How far an instant selector looks back for a sample; 5 minutes by default. */
  readonly lookbackMs?: number
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  /** Whether `stats` tells the samples of each step too, and counts the peak sample by sample; false by default. */
  readonly perStepStats?: boolean
}

export interface StepRange {
  readonly startMs: number
  readonly endMs: number
  /** > 0. Points lie at start + i · step, up to and including end. */
  readonly stepMs: number
}

/**
 * Answers PromQL. A query that does not parse, or asks for what the engine does not know, is an error that names the place;
 * it is never a wrong number.
 */
export interface QueryEngine {
  instant(query: string, timeMs: number, options?: QueryOptions): Promise<QueryResult>
  /** The expression must be a scalar or an instant vector; both come back as a matrix. */
  range(query: string, range: StepRange, options?: QueryOptions): Promise<QueryResult<MatrixValue>>
  /** Parses and type-checks. @returns the expression's type. @throws MW_PROMQL_PARSE or MW_PROMQL_UNSUPPORTED. */
  check(query: string): 'scalar' | 'string' | 'vector' | 'matrix'
}
