/** Bounds and defaults of the query engine. */
export interface QueryEngineConfig {
  /** How far an instant selector looks back for a sample. */
  readonly lookbackMs: number
  /** The step of a subquery that names none: the interval at which rules are evaluated. */
  readonly evaluationIntervalMs: number
  /** Samples one query may hold in memory at a time, computed values included. */
  readonly samplesMax: number
  /** Memory one query may take for columns of values and for what it holds of the store, in bytes; about. */
  readonly bytesMax: number
  /** Memory that all queries under way may take together, in bytes; about. */
  readonly bytesTotalMax: number
  /** Series one selector, or one intermediate result, may have. */
  readonly seriesMax: number
  /** Points one range query may ask for in each series. */
  readonly pointsMax: number
  /** Steps at which one subquery may be evaluated. */
  readonly subqueryStepsMax: number
  /** Longest evaluation of one query. */
  readonly timeoutMs: number
  /** Longest query, in characters. */
  readonly queryLengthMax: number
  /** Whether functions and aggregations that Prometheus calls experimental may be used: `promql-experimental-functions`. */
  readonly experimentalFunctions: boolean
  /** Whether a metric's name is dropped at the end of the query rather than by each function: `promql-delayed-name-removal`. */
  readonly delayedNameRemoval: boolean
}

export const queryEngineDefaults: QueryEngineConfig = {
  lookbackMs: 300_000,
  evaluationIntervalMs: 60_000,
  samplesMax: 50_000_000,
  bytesMax: 512 * 2 ** 20,
  bytesTotalMax: 2 ** 30,
  seriesMax: 100_000,
  pointsMax: 11_001,
  subqueryStepsMax: 1_000_000,
  timeoutMs: 120_000,
  queryLengthMax: 100_000,
  experimentalFunctions: false,
  delayedNameRemoval: false,
}
