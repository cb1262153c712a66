import { Document, type Node } from 'yaml'
import { normalDeviate } from './normal.ts'
import { valuesOf } from './reference.ts'
import type { ModelSchema } from './schema.ts'

/** Jeffreys' prior: half a row in every bin in use, so that an empty one stays finite and the χ² law below holds. */
const PRIOR_ROWS = 0.5
/** Share of requests that may fail, or be refused, before somebody is told; and the fewest requests to judge by. */
const FAILED_RATIO_MAX = 0.05
const REFUSED_RATIO_MAX = 0.2
const REQUESTS_MIN = 20
const DEVIATE_DIGITS = 3

/**
 * The rule file of a model: recording rules that turn its counters into drift, and the alerts over them. An ordinary Prometheus
 * rule file, meant to be read, edited and tested; everything is computed at query time from counters that add up over replicas.
 *
 * PSI = Σ (qᵢ − pᵢ) · ln(qᵢ / pᵢ) over the bins in use, with half a row added to each. Without drift, PSI / (1/n + 1/M) follows the χ² law
 * with bins − 1 degrees of freedom; Wilson and Hilferty's cube root makes a standard normal deviate of it.
 * @see Yurdakul (2018), Western Michigan University, dissertation 3208; Wilson and Hilferty (1931), PNAS 17:684.
 */
export function toRuleFile(schema: ModelSchema): string {
  const groups = [...(valuesOf(schema).length === 0 ? [] : [driftGroup(schema)]), serviceGroup(schema)]
  const document = new Document({ groups: groups.map((group) => ({ ...group, rules: group.rules.map(({ says: _, ...rule }) => rule) })) })
  document.commentBefore = [
    ` Rules of the model ${schema.name}, generated from its model.yaml by "modelwatch export rules".`,
    ' An ordinary Prometheus rule file: Prometheus, Thanos and Mimir run it as it is. Change the "drift" block of model.yaml and generate anew.',
  ].join('\n')
  for (const [g, { rules }] of groups.entries()) {
    for (const [r, { says }] of rules.entries()) {
      if (says !== undefined) (document.getIn(['groups', g, 'rules', r], true) as Node).commentBefore = ` ${says}`
    }
  }
  return document.toString({ lineWidth: 0 })
}

/** A rule as the file has it, and what a reader should know of it. */
interface DocumentedRule {
  readonly says?: string
  readonly record?: string
  readonly alert?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

interface DocumentedGroup {
  readonly name: string
  readonly interval: string
  readonly rules: readonly DocumentedRule[]
}

function driftGroup(schema: ModelSchema): DocumentedGroup {
  const { drift } = schema
  const of = `{model=${JSON.stringify(schema.name)}}`
  const perValue = 'model, revision, role, name'
  const inUse = `(modelwatch:bin_rows${of} + modelwatch:bin_rows:reference${of}) > 0`
  const values = valuesOf(schema).length
  const deviate = Number(normalDeviate(drift.significance / values).toFixed(DEVIATE_DIGITS))
  const gate = (says: string, record: string, value: number) => ({ says, record, expr: `vector(${value})`, labels: { model: schema.name } })

  return {
    name: `modelwatch-${schema.name}-drift`,
    interval: drift.interval,
    rules: [
      ...binRows(schema, perValue),
      {
        says: 'Training rows in the same bin; every gateway exposes the same ones.',
        record: 'modelwatch:bin_rows:reference',
        expr: `max by (${perValue}, bin) (modelwatch_reference_bin_ratio${of}) * on (model, revision) group_left () max by (model, revision) (modelwatch_reference_rows${of})`,
      },
      {
        says: 'Rows of each input and output in the window, and in training.',
        record: 'modelwatch:value_rows',
        expr: `sum without (bin) (modelwatch:bin_rows${of})`,
      },
      { record: 'modelwatch:value_rows:reference', expr: `sum without (bin) (modelwatch:bin_rows:reference${of})` },
      {
        says: 'Bins in use: those that hold a row now or held one in training.',
        record: 'modelwatch:value_bins',
        expr: `count without (bin) (${inUse})`,
      },
      {
        says: 'Shares of the bins in use, half a row added to each so that an empty one stays finite; nothing while no row has come.',
        record: 'modelwatch:bin_share',
        expr: `(modelwatch:bin_rows${of} + ${PRIOR_ROWS}) / on (${perValue}) group_left () ((modelwatch:value_rows${of} > 0) + ${PRIOR_ROWS} * modelwatch:value_bins${of}) and (${inUse})`,
      },
      {
        record: 'modelwatch:bin_share:reference',
        expr: `(modelwatch:bin_rows:reference${of} + ${PRIOR_ROWS}) / on (${perValue}) group_left () (modelwatch:value_rows:reference${of} + ${PRIOR_ROWS} * modelwatch:value_bins${of}) and (${inUse})`,
      },
      {
        says: 'Population stability index: how large the drift is. 0 is none.',
        record: 'modelwatch:psi',
        expr: `sum without (bin) ((modelwatch:bin_share${of} - modelwatch:bin_share:reference${of}) * ln(modelwatch:bin_share${of} / modelwatch:bin_share:reference${of}))`,
      },
      { record: 'modelwatch:psi_degrees', expr: `modelwatch:value_bins${of} - 1 > 0` },
      {
        says: 'The PSI that chance alone gives on average with so few rows: degrees of freedom × (1/n + 1/M).',
        record: 'modelwatch:psi_chance',
        expr: `modelwatch:psi_degrees${of} * (1 / modelwatch:value_rows${of} + 1 / modelwatch:value_rows:reference${of})`,
      },
      {
        says: 'How far the PSI lies beyond chance, in standard deviations (Wilson and Hilferty): 0 is ordinary, 3 is one in a thousand.',
        record: 'modelwatch:psi_z',
        expr: `((modelwatch:psi${of} / modelwatch:psi_chance${of}) ^ (1 / 3) - (1 - 2 / (9 * modelwatch:psi_degrees${of}))) / sqrt(2 / (9 * modelwatch:psi_degrees${of}))`,
      },
      gate('The limits of the alert below, for whoever draws them.', 'modelwatch:psi_gate', drift.psi_gate),
      gate(
        `Exceeded by chance once in ${Math.round(values / drift.significance)} evaluations: a significance of ${drift.significance}, shared by ${values} values.`,
        'modelwatch:psi_z_gate',
        deviate,
      ),
      gate('With fewer rows nothing is judged.', 'modelwatch:value_rows_gate', drift.rows_min),
      {
        says: 'Large enough to matter, more than chance explains, and seen in enough rows: all three.',
        alert: 'ModelwatchDrift',
        expr: `modelwatch:psi${of} > ${drift.psi_gate} and modelwatch:psi_z${of} > ${deviate} and modelwatch:value_rows${of} >= ${drift.rows_min}`,
        for: drift.for,
        labels: { severity: 'warning' },
        annotations: {
          summary: `The {{ $labels.role }} {{ $labels.name }} of {{ $labels.model }} no longer looks like the training data (PSI {{ $value | printf "%.2f" }}).`,
          description: `Over the last ${drift.window} its distribution differs from the training data by a PSI of {{ $value | printf "%.2f" }}. That is above the gate of ${drift.psi_gate}, and more than chance explains (significance ${drift.significance}, shared by ${values} values). Compare both distributions; look upstream for a changed unit, a broken sensor or another population.`,
        },
      },
    ],
  }
}

/**
 * Rows by bin. A value with a shape falls into many bins a row, and those of one row are seldom independent: a row is one observation all the same,
 * shared among its bins, so that chance is not underrated.
 */
function binRows(schema: ModelSchema, perValue: string): DocumentedRule[] {
  const model = `model=${JSON.stringify(schema.name)}`
  const shaped = valuesOf(schema).filter(({ width }) => width > 1)
  const rows = (matchers: string) => `sum by (${perValue}, bin) (increase(modelwatch_value_bin_total{${matchers}}[${schema.drift.window}]))`
  const record = 'modelwatch:bin_rows'
  const others = shaped.length === 0 ? model : `${model}, name!~"${shaped.map(({ name }) => name).join('|')}"`
  return [
    { says: 'Rows that fell into each bin in the window, over all replicas.', record, expr: rows(others) },
    ...shaped.map(({ name, width }) => ({
      says: `The ${width} values that a row has of ${name} count as one.`,
      record,
      expr: `${rows(`${model}, name="${name}"`)} / ${width}`,
    })),
  ]
}

function serviceGroup({ name, drift }: ModelSchema): DocumentedGroup {
  const model = `model=${JSON.stringify(name)}`
  const rate = (matchers: string) => `sum by (model) (rate(modelwatch_requests_total{${matchers}}[${drift.window}]))`
  const enough = `sum by (model) (increase(modelwatch_requests_total{${model}}[${drift.window}])) >= ${REQUESTS_MIN}`
  return {
    name: `modelwatch-${name}-service`,
    interval: drift.interval,
    rules: [
      {
        alert: 'ModelwatchModelGone',
        expr: `count by (model) (max_over_time(modelwatch_model_info{${model}}[15m])) unless count by (model) (modelwatch_model_info{${model}})`,
        for: '15s',
        labels: { severity: 'critical' },
        annotations: {
          summary: 'No gateway serves {{ $labels.model }} any more.',
          description: 'It was served within the last 15 minutes, and no gateway that can be scraped has it now.',
        },
      },
      {
        alert: 'ModelwatchErrors',
        expr: `${rate(`${model}, code=~"5.."`)} / ${rate(model)} > ${FAILED_RATIO_MAX} and ${enough}`,
        for: drift.for,
        labels: { severity: 'critical' },
        annotations: {
          summary: '{{ $value | humanizePercentage }} of the requests to {{ $labels.model }} fail.',
          description: `More than ${FAILED_RATIO_MAX * 100} % of the requests of the last ${drift.window} were answered with a server error.`,
        },
      },
      {
        alert: 'ModelwatchRefused',
        expr: `${rate(`${model}, code=~"4.."`)} / ${rate(model)} > ${REFUSED_RATIO_MAX} and ${enough}`,
        for: drift.for,
        labels: { severity: 'warning' },
        annotations: {
          summary: '{{ $value | humanizePercentage }} of the requests to {{ $labels.model }} are refused as wrong.',
          description: `More than ${REFUSED_RATIO_MAX * 100} % of the requests of the last ${drift.window} broke the schema of the model; modelwatch_violations_total says which field and which rule.`,
        },
      },
    ],
  }
}
