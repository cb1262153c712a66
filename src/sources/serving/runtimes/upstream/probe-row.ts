import { type Columns, type ModelSchema, toExampleRow } from '../../../../watch/index.ts'
import { probeColumns } from '../onnx/probe.ts'

/** One row that the schema allows, with a picture where one belongs: a server looks at it. */
export function probeRow(schema: ModelSchema): Columns {
  const { rows, values } = probeColumns(schema)
  const example = toExampleRow(schema, undefined)
  return {
    rows,
    values: schema.features.map(({ name, type }, f) =>
      type === 'image' ? [new Uint8Array(Buffer.from(String(example[name]), 'base64'))] : values[f]!,
    ),
  }
}
