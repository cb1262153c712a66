import type { Registry } from '../instrument/index.ts'
import { type BinLayout, binOfCategory, binOfNumber, countNumbers, specialBin } from './bins.ts'
import type { Column, Columns } from './columns.ts'
import { watchFamilies as families } from './families.ts'
import { type ViolationRule, violationRules } from './findings.ts'
import { createInputVariance, VARIANCE_WINDOW } from './input-variance.ts'
import { type Reference, referenceRows, toLayout, valuesOf } from './reference.ts'
import { RowBlock } from './row-block.ts'
import type { ReadRows } from './rows.ts'
import type { ModelSchema } from './schema.ts'

/**
 * Counts what passes through one revision of a model. Recording is array increments; nothing is kept of a row but, for the variance of the inputs,
 * the mean and spread of the last few, and single rows until there is a block of them or somebody looks.
 */
export interface Observer {
  /** Counts every value of the rows, served or refused, and the rules they broke. Rows are served when none of the request is at fault. */
  inputs(rows: ReadRows): void
  /** @param outputs - By output, in the schema's order. */
  outputs(outputs: readonly Column[]): void
}

/**
 * Registers the bins, the reference and the violations of one revision, all at 0 from the start, so that no first increase is lost.
 * Without a reference nothing is binned, and violations are counted all the same.
 */
export function createObserver(schema: ModelSchema, revision: string, reference: Reference | undefined, registry: Registry): Observer {
  const model = schema.name
  const binned = reference === undefined ? [] : registerBins(schema, revision, reference, registry)
  const inputs = binned.filter(({ role }) => role === 'input')
  const outcomes = binned.filter(({ role }) => role === 'output')
  const byFeature = new Map(inputs.map((value) => [value.index, value]))
  const violations = registerViolations(schema, revision, registry)
  const variance = createInputVariance(schema)
  if (variance !== undefined) registry.read(families.inputVariance, { model, revision, window: String(VARIANCE_WINDOW) }, variance.read)
  for (const { role, name, type, unit } of valuesOf(schema))
    registry.gauge(families.valueInfo, { model, revision, role, name, type, unit }).set(1)

  const givenBlock = new RowBlock()
  const answeredBlock = new RowBlock()
  const countGiven = (columns: Columns) => {
    for (const value of inputs) countColumn(value, columns.values[value.index]!)
    variance?.add(columns)
  }
  const countAnswered = (outputs: readonly Column[]) => {
    for (const value of outcomes) countColumn(value, outputs[value.index]!)
  }
  const endGivenBlock = () => {
    const columns = givenBlock.take()
    if (columns.rows > 0) countGiven(columns)
  }
  const endAnsweredBlock = () => {
    const { rows, values } = answeredBlock.take()
    if (rows > 0) countAnswered(values)
  }
  // Nobody sees that single rows wait for each other.
  registry.beforeRender(() => {
    endGivenBlock()
    endAnsweredBlock()
  })

  return {
    inputs(rows) {
      if (isPlain(rows) && givenBlock.add(rows.columns.values)) {
        if (givenBlock.isFull) endGivenBlock()
        return
      }
      endGivenBlock() // The variance is of the last rows.
      if (rows.faultCount === 0) countGiven(rows.columns)
      else for (const value of inputs) countColumn(value, rows.columns.values[value.index]!)
      for (const { feature, bin, count } of rows.specials) {
        const value = byFeature.get(feature)
        if (value === undefined) continue
        // The column holds a stand-in for them, which was just counted by its own bin.
        value.counts[value.standIn]! -= count
        value.counts[specialBin(value.layout, bin)]! += count
      }
      for (const { name, rule, count } of rows.violations) violations.get(violationKey(name, rule))![0]! += count
    },
    outputs(outputs) {
      if (!answeredBlock.add(outputs)) countAnswered(outputs)
      else if (answeredBlock.isFull) endAnsweredBlock()
    },
  }
}

/** Whether there is nothing to count but its values. */
const isPlain = ({ faultCount, specials, violations }: ReadRows) => faultCount === 0 && specials.length === 0 && violations.length === 0

interface BinnedValue {
  readonly role: 'input' | 'output'
  /** Its place among the features, or among the outputs. */
  readonly index: number
  readonly layout: BinLayout
  readonly counts: Float64Array
  /** The bin of what stands in a column for a value that is absent or unreadable. */
  readonly standIn: number
}

function countColumn({ layout, counts }: BinnedValue, column: Column): void {
  if (layout.kind === 'number') countNumbers(layout, column as Float64Array, counts)
  else for (let i = 0; i < column.length; i++) counts[binOfCategory(layout, column[i] as string)]! += 1
}

function registerBins(schema: ModelSchema, revision: string, reference: Reference, registry: Registry): BinnedValue[] {
  const model = schema.name
  registry.gauge(families.referenceRows, { model, revision }).set(reference.rows)
  for (const { name, mae, rmse, bias } of reference.baseline) {
    for (const [measure, value] of Object.entries({ mae, rmse, bias })) {
      registry.gauge(families.baselineError, { model, revision, name, measure }).set(value)
    }
  }
  return valuesOf(schema).map(({ role, index, name, width }) => {
    const value = reference.values.find((candidate) => candidate.role === role && candidate.name === name)
    if (value === undefined) throw new Error(`the reference has no ${role} ${name}`) // parseReference saw to it.
    const layout = toLayout(value)
    const labelSets = layout.labels.map((bin) => ({ model, revision, role, name, bin }))
    const ratios = registry.vector(families.referenceRatio, labelSets)
    for (const [i, rows] of referenceRows(value).entries()) ratios[i] = rows / (reference.rows * width)
    const standIn = layout.kind === 'number' ? binOfNumber(layout, Number.NaN) : binOfCategory(layout, '')
    return { role, index, layout, counts: registry.vector(families.valueBin, labelSets), standIn }
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
