import { isJudged, type ModelSchema, type Output } from '../../../watch/index.ts'
import { gatewayErrors } from './errors.ts'

/** The true outcome of one prediction, checked. */
export interface Label {
  readonly predictionId: string
  readonly actual: ReadonlyMap<string, number>
}

/** What is wrong with a label, where, in the shape of a refused row. */
export interface LabelFault {
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly type: 'missing' | 'type' | 'range' | 'unknown'
  readonly row: number
  readonly field: string
}

export const ID_LENGTH_MAX = 128
/** Beyond this no outcome is a measurement, and its square would drown every other error. */
const OUTCOME_MAX = 1e15

/**
 * Reads the body of a labels request: one label, or many under `labels`. The request is taken whole or not at all.
 * @throws MW_BODY_INVALID when it is neither; MW_INPUT_INVALID with `detail` naming each faulty field.
 */
export function compileLabelReader(schema: ModelSchema, labelsMax: number): (body: unknown) => Label[] {
  const outputs = new Map(schema.outputs.filter(isJudged).map((output) => [output.name, output]))
  return (body) => {
    if (!isObject(body)) throw gatewayErrors.MW_BODY_INVALID('the body must be one label, or {"labels": [ … ]}', { hint })
    const many = 'labels' in body
    const list: unknown = many ? body.labels : [body]
    if (!Array.isArray(list)) throw gatewayErrors.MW_BODY_INVALID('labels must be a list of labels', { hint })
    if (list.length > labelsMax)
      throw gatewayErrors.MW_BODY_INVALID(`labels holds ${list.length} labels; one request may have ${labelsMax}`, { hint })
    const faults = list.flatMap((label, i) => faultsOf(label, outputs).map((fault) => place(fault, i, many)))
    if (faults.length > 0) throw toLabelError(faults)
    return (list as { prediction_id: string; actual: Record<string, number> }[]).map(({ prediction_id, actual }) => ({
      predictionId: prediction_id,
      actual: new Map(Object.entries(actual)),
    }))
  }
}

const hint = 'Send {"prediction_id": "…", "actual": {"OUTPUT": number}}, or many of them as {"labels": [ … ]}.'

/** A fault by its field: of the label, or of what stands under `actual`. */
type Fault = Pick<LabelFault, 'field' | 'msg' | 'type'> & { readonly isOutcome?: true }

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function faultsOf(label: unknown, outputs: ReadonlyMap<string, Output>): Fault[] {
  if (!isObject(label)) return [{ field: '', type: 'type', msg: 'must be an object with prediction_id and actual' }]
  const { prediction_id, actual, ...rest } = label
  const faults: Fault[] = Object.keys(rest)
    .slice(0, 1)
    .map((field) => ({
      field: field.slice(0, ID_LENGTH_MAX),
      type: 'unknown',
      msg: 'is not a field of a label; its fields are prediction_id and actual',
    }))
  if (prediction_id === undefined) faults.push({ field: 'prediction_id', type: 'missing', msg: 'is missing' })
  else if (typeof prediction_id !== 'string' || prediction_id === '' || prediction_id.length > ID_LENGTH_MAX) {
    faults.push({
      field: 'prediction_id',
      type: 'type',
      msg: `must be the prediction's id, a string of at most ${ID_LENGTH_MAX} characters`,
    })
  }
  if (!isObject(actual))
    faults.push({ field: 'actual', type: actual === undefined ? 'missing' : 'type', msg: 'must be an object with an outcome by output' })
  else if (Object.keys(actual).length === 0) faults.push({ field: 'actual', type: 'missing', msg: 'holds no outcome' })
  else {
    for (const [name, value] of Object.entries(actual)) {
      const fault = outcomeFault(name, value, outputs)
      if (fault !== undefined) faults.push(fault)
    }
  }
  return faults
}

function outcomeFault(name: string, value: unknown, outputs: ReadonlyMap<string, Output>): Fault | undefined {
  const fault = (type: Fault['type'], msg: string): Fault => ({ field: name.slice(0, ID_LENGTH_MAX), type, msg, isOutcome: true })
  const output = outputs.get(name)
  if (output === undefined) return fault('unknown', `is not an output that can be judged; those are ${[...outputs.keys()].join(', ')}`)
  if (typeof value !== 'number' || !Number.isFinite(value)) return fault('type', 'must be a finite number')
  const [low, high] = output.range ?? [-OUTCOME_MAX, OUTCOME_MAX]
  return value < low || value > high ? fault('range', `must lie between ${low} and ${high}, got ${value}`) : undefined
}

function place({ field, msg, type, isOutcome }: Fault, row: number, many: boolean): LabelFault {
  const inside = isOutcome === true ? ['actual'] : []
  return { loc: ['body', ...(many ? ['labels', row] : []), ...inside, ...(field === '' ? [] : [field])], msg, type, row, field }
}

const FAULTS_TOLD_MAX = 100

function toLabelError(faults: readonly LabelFault[]): Error {
  const first = faults[0]!
  const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`
  const error = gatewayErrors.MW_INPUT_INVALID(`label ${first.row}: ${first.field === '' ? '' : `${first.field} `}${first.msg}${more}`)
  return Object.assign(error, { detail: faults.slice(0, FAULTS_TOLD_MAX) })
}
