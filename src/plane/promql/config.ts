/** Bounds and defaults of the query engine. */
export interface QueryEngineConfig {
  /** How far an instant selector looks back for a sample. */
  readonly lookbackMs: number
  /** The step of a subquery that names none: the interval at which rules are evaluated. */
  readonly evaluationIntervalMs: number
  /** Samples one query may read, and values it may compute on the way; about 9 bytes each. */
  readonly samplesMax: number
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
}

export const queryEngineDefaults: QueryEngineConfig = {
  lookbackMs: 300_000,
  evaluationIntervalMs: 60_000,
  samplesMax: 20_000_000,
  seriesMax: 100_000,
  pointsMax: 11_000,
  subqueryStepsMax: 1_000_000,
  timeoutMs: 120_000,
  queryLengthMax: 100_000,
}
