import type { Registry } from '../instrument/index.ts'
import { type BinLayout, binOfCategory, binOfNumber, specialBin } from './bins.ts'
import { watchFamilies as families } from './families.ts'
import type { OutputColumn } from './profile.ts'
import { type Reference, referenceRows, toLayout, valuesOf } from './reference.ts'
import { type ReadRows, type ViolationRule, violationRules } from './rows.ts'
import type { ModelSchema } from './schema.ts'

/** Counts what passes through one revision of a model. Recording is array increments; nothing is kept of a row. */
export interface Observer {
  /** Counts every value of the rows, served or refused, and the rules they broke. */
  inputs(rows: ReadRows): void
  /** @param outputs - shape [outputs][rows], in the schema's order. */
  outputs(outputs: readonly OutputColumn[]): void
}

/**
 * Registers the bins, the reference and the violations of one revision, all at 0 from the start, so that no first increase is lost.
 * Without a reference nothing is binned, and violations are counted all the same.
 */
export function createObserver(schema: ModelSchema, revision: string, reference: Reference | undefined, registry: Registry): Observer {
  const model = schema.name
  const binned = reference === undefined ? [] : registerBins(schema, revision, reference, registry)
  const violations = registerViolations(schema, revision, registry)
  for (const { role, name, type, unit } of valuesOf(schema))
    registry.gauge(families.valueInfo, { model, revision, role, name, type, unit }).set(1)

  return {
    inputs(rows) {
      for (const [f, column] of rows.columns.values.entries()) {
        const value = binned[f]
        if (value !== undefined) countColumn(value, column)
      }
      for (const { row, feature, bin } of rows.specials) {
        const value = binned[feature]
        if (value === undefined) continue
        // The column holds a stand-in for this cell, which was just counted by its own bin.
        value.counts[binOf(value.layout, rows.columns.values[feature]![row]!)]! -= 1
        value.counts[specialBin(value.layout, bin)]! += 1
      }
      for (const { name, rule, count } of rows.violations) violations.get(violationKey(name, rule))![0]! += count
    },
    outputs(outputs) {
      for (const [o, column] of outputs.entries()) {
        const value = binned[schema.features.length + o]
        if (value !== undefined) countColumn(value, column)
      }
    },
  }
}

interface BinnedValue {
  readonly layout: BinLayout
  readonly counts: Float64Array
}

function countColumn({ layout, counts }: BinnedValue, column: OutputColumn): void {
  if (layout.kind === 'number') for (let r = 0; r < column.length; r++) counts[binOfNumber(layout, column[r] as number)]! += 1
  else for (let r = 0; r < column.length; r++) counts[binOfCategory(layout, column[r] as string)]! += 1
}

function binOf(layout: BinLayout, value: number | string): number {
  return layout.kind === 'number' ? binOfNumber(layout, value as number) : binOfCategory(layout, value as string)
}

function registerBins(schema: ModelSchema, revision: string, reference: Reference, registry: Registry): BinnedValue[] {
  const model = schema.name
  registry.gauge(families.referenceRows, { model, revision }).set(reference.rows)
  for (const { name, mae, rmse, bias } of reference.baseline) {
    for (const [measure, value] of Object.entries({ mae, rmse, bias })) {
      registry.gauge(families.baselineError, { model, revision, name, measure }).set(value)
    }
  }
  return valuesOf(schema).map(({ role, name }) => {
    const value = reference.values.find((candidate) => candidate.role === role && candidate.name === name)
    if (value === undefined) throw new Error(`the reference has no ${role} ${name}`) // parseReference saw to it.
    const layout = toLayout(value)
    const labelSets = layout.labels.map((bin) => ({ model, revision, role, name, bin }))
    const ratios = registry.vector(families.referenceRatio, labelSets)
    for (const [i, rows] of referenceRows(value).entries()) ratios[i] = rows / reference.rows
    return { layout, counts: registry.vector(families.valueBin, labelSets) }
  })
}

const violationKey = (name: string, rule: ViolationRule) => `${name} ${rule}`

/** One cell for each rule a feature can break, all at 0. */
function registerViolations(schema: ModelSchema, revision: string, registry: Registry): Map<string, Float64Array> {
  const cells = new Map<string, Float64Array>()
  for (const name of ['', ...schema.features.map((feature) => feature.name)]) {
    const rules = violationRules.filter((rule) => (rule === 'unknown') === (name === ''))
    const labelSets = rules.map((rule) => ({ model: schema.name, revision, name, rule }))
    const column = registry.vector(families.violations, labelSets)
    for (const [i, rule] of rules.entries()) cells.set(violationKey(name, rule), column.subarray(i, i + 1))
  }
  return cells
}
