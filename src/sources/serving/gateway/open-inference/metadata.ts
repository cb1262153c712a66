import type { Feature, Output } from '../../../../watch/index.ts'
import type { ServedModel } from '../../models/contract.ts'
import { datatypeOf } from './datatypes.ts'

/** A model as `GET /v2/models/{model}` describes it. −1 is a dimension of any size: the rows. */
export function describeModel({ schema, revisions }: ServedModel) {
  return {
    name: schema.name,
    versions: revisions().map(({ served }) => served.revision),
    platform: 'modelwatch',
    inputs: schema.features.map(describeTensor),
    outputs: schema.outputs.map(describeTensor),
  }
}

function describeTensor(value: Feature | Output) {
  return { name: value.name, datatype: datatypeOf(value), shape: [-1, ...(value.shape ?? [])] }
}
