/** The PromQL behind the page, in one place: what the page shows, anyone can ask for. */

/** A text as PromQL writes it between double quotes. */
export function quote(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}

/** A whole number of milliseconds as a PromQL duration. */
export function duration(durationMs: number): string {
  return durationMs % 1000 === 0 ? `${durationMs / 1000}s` : `${Math.ceil(durationMs)}ms`
}

/** Facts that change with a deployment. They look back an hour, so that a page opened after the gateway died still knows its model. */
export const catalogueQueries = {
  modelInfo: 'last_over_time(modelwatch_model_info[1h])',
  trainedAt: 'max by (model, revision) (last_over_time(modelwatch_model_trained_timestamp_seconds[1h]))',
  deployedAt: 'max by (model, revision) (last_over_time(modelwatch_model_deployed_timestamp_seconds[1h]))',
  referenceRows: 'max by (model, revision) (last_over_time(modelwatch_reference_rows[1h]))',
  trafficRatio: 'avg by (model, revision) (last_over_time(modelwatch_traffic_ratio[1h]))',
} as const

export interface Scope {
  readonly model: string
  readonly revision: string
}

const ofRevision = ({ model, revision }: Scope) => `model=${quote(model)}, revision=${quote(revision)}`
const ofModel = ({ model }: Scope) => `model=${quote(model)}, api!="labels"`

/** Facts about the values of a revision; like the catalogue, they change with a deployment. */
export const profileQueries = {
  info: (scope: Scope) => `last_over_time(modelwatch_value_info{${ofRevision(scope)}}[1h])`,
  referenceBins: (scope: Scope) => `max by (role, name, bin) (last_over_time(modelwatch_reference_bin_ratio{${ofRevision(scope)}}[1h]))`,
  referenceErrors: (scope: Scope) => `max by (name, measure) (last_over_time(modelwatch_reference_error{${ofRevision(scope)}}[1h]))`,
} as const

export const valueQueries = {
  binRows: (scope: Scope) => `modelwatch:bin_rows{${ofRevision(scope)}}`,
  psi: (scope: Scope) => `modelwatch:psi{${ofRevision(scope)}}`,
  /** Everything the rules say about the values, and the gates they use, in one answer. The gates bear no revision. */
  judgements: ({ model, revision }: Scope) =>
    `{__name__=~"modelwatch:(psi|psi_z|value_rows|psi_gate|psi_z_gate|value_rows_gate)", model=${quote(model)}, revision=~${quote(`|${escapeRegex(revision)}`)}}`,
} as const

/** The golden signals of a model, over all its revisions and replicas. */
export const signalQueries = {
  requests: (scope: Scope, window: string) => `sum(rate(modelwatch_requests_total{${ofModel(scope)}}[${window}]))`,
  errors: (scope: Scope, window: string) => ratioOfCode(scope, window, '5..'),
  rejected: (scope: Scope, window: string) => ratioOfCode(scope, window, '4..'),
  p50: (scope: Scope, window: string) => quantile(0.5, scope, window),
  p95: (scope: Scope, window: string) => quantile(0.95, scope, window),
  p99: (scope: Scope, window: string) => quantile(0.99, scope, window),
  inFlight: ({ model }: Scope) => `sum(modelwatch_requests_in_flight{model=${quote(model)}})`,
} as const

export type SignalName = keyof typeof signalQueries

function ratioOfCode(scope: Scope, window: string, code: string): string {
  const all = `sum(rate(modelwatch_requests_total{${ofModel(scope)}}[${window}]))`
  const some = `sum(rate(modelwatch_requests_total{${ofModel(scope)}, code=~"${code}"}[${window}]))`
  return `(${some} or 0 * ${all}) / ${all}`
}

function quantile(q: number, scope: Scope, window: string): string {
  return `histogram_quantile(${q}, sum by (le) (rate(modelwatch_request_duration_seconds_bucket{${ofModel(scope)}}[${window}])))`
}

/** Who is sent where. A replica that has not taken a change over yet still sends by the split before: the shares are of all replicas together. */
export const trafficQueries = {
  shares: 'sum by (model, revision) (modelwatch_traffic_ratio) / on (model) group_left () sum by (model) (modelwatch_traffic_ratio)',
  sharesOf: ({ model }: Scope) => {
    const ratio = `modelwatch_traffic_ratio{model=${quote(model)}}`
    return `sum by (revision) (${ratio}) / on () group_left () sum(${ratio})`
  },
  tags: ({ model }: Scope) => `max by (revision, tag) (modelwatch_traffic_tag_info{model=${quote(model)}})`,
} as const

/** Revisions beside each other. */
export const revisionQueries = {
  requests: (scope: Scope, window: string) => `sum by (revision) (rate(modelwatch_requests_total{${ofModel(scope)}}[${window}]))`,
  errors: (scope: Scope, window: string) => {
    const all = revisionQueries.requests(scope, window)
    return `(sum by (revision) (rate(modelwatch_requests_total{${ofModel(scope)}, code=~"5.."}[${window}])) or 0 * ${all}) / ${all}`
  },
  p95: (scope: Scope, window: string) =>
    `histogram_quantile(0.95, sum by (revision, le) (rate(modelwatch_request_duration_seconds_bucket{${ofModel(scope)}}[${window}])))`,
  shadowRows: ({ model }: Scope, window: string) =>
    `sum by (revision, outcome) (increase(modelwatch_shadow_rows_total{model=${quote(model)}}[${window}]))`,
  /** How far the numbers of a shadow are from those answered, on average over the rows that were compared. */
  shadowDifference: ({ model }: Scope, window: string) =>
    `sum by (revision, name) (increase(modelwatch_shadow_difference_abs_total{model=${quote(model)}}[${window}])) / on (revision) group_left () sum by (revision) (increase(modelwatch_shadow_rows_total{model=${quote(model)}, outcome=~"agree|disagree"}[${window}]))`,
} as const

/** The tasks of a model, whose queue bears its name. Each process counts all of a queue, but of what becomes of tasks only what went through its own hands. */
export const taskQueries = {
  counts: ({ model }: Scope) => `max by (state) (modelwatch_queue_tasks{queue=${quote(model)}})`,
  oldestAge: ({ model }: Scope) => `max(modelwatch_queue_oldest_age_seconds{queue=${quote(model)}})`,
  outcomes: ({ model }: Scope, window: string) =>
    `sum by (outcome) (rate(modelwatch_tasks_total{queue=${quote(model)}, outcome=~"submitted|done"}[${window}]))`,
} as const

/** Quality over labelled rows, per output. */
export const qualityQueries = {
  mae: (scope: Scope, window: string) => `${errorRate('abs', scope, window)} / on () group_left () ${labelRate(scope, window)}`,
  rmse: (scope: Scope, window: string) => `sqrt(${errorRate('squared', scope, window)} / on () group_left () ${labelRate(scope, window)})`,
  bias: (scope: Scope, window: string) =>
    `(${errorRate('over', scope, window)} - ${errorRate('under', scope, window)}) / on () group_left () ${labelRate(scope, window)}`,
  labels: (scope: Scope, window: string) => labelRate(scope, window),
  coverage: (scope: Scope, window: string) =>
    `${labelRate(scope, window)} / max(sum by (name) (rate(modelwatch_value_bin_total{${ofRevision(scope)}, role="output"}[${window}])))`,
} as const

export type QualityName = keyof typeof qualityQueries

const errorRate = (kind: string, scope: Scope, window: string) =>
  `sum by (name) (rate(modelwatch_error_${kind}_total{${ofRevision(scope)}}[${window}]))`
const labelRate = (scope: Scope, window: string) => `sum(rate(modelwatch_labels_total{${ofRevision(scope)}, outcome="matched"}[${window}]))`

/**
 * How many things are wrong with a model at a moment: firing alerts plus one when a replica does not answer. Absent before the first scrape.
 * Absent too where nobody scraped for a window: left to itself, the last that was seen would count for five minutes, good or bad.
 */
export function troubleQuery({ model }: Scope, jobs: readonly string[], window: string): string {
  const job = jobs.length === 0 ? 'job=~".+"' : `job=~${quote(jobs.map(escapeRegex).join('|'))}`
  return `(sum(ALERTS{alertstate="firing", model=${quote(model)}}) or vector(0)) + (1 - min(last_over_time(up{${job}}[${window}])))`
}

/** Whether a rule may judge a model: it names it, or names none. A regular expression is given the benefit of the doubt. */
export function mayJudge(expr: string, model: string): boolean {
  const named = [...expr.matchAll(/\bmodel\s*(=~?)\s*("(?:[^"\\]|\\.)*")/g)]
  return named.length === 0 || named.some(([, operator, text]) => operator === '=~' || text === quote(model))
}

const escapeRegex = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
