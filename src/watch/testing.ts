import { buildReference } from './profile.ts'
import type { Reference } from './reference.ts'
import { compileRowReader } from './rows.ts'
import { type ModelSchema, parseModelSchema } from './schema.ts'

/** A small model with one number, one category and one output. */
export const testSchema: ModelSchema = parseModelSchema(
  `name: demo
features:
  - { name: wind, type: number, range: [0, 60], unit: m/s }
  - { name: sky, type: category, categories: [sun, rain], nullable: true }
outputs:
  - { name: warmth, kind: regression, unit: °C }
`,
  { file: 'model.yaml' },
)

/** Its reference: 100 rows, wind 0 to 59.4 in steps of 0.6, half of the days sunny, warmth twice the wind, truth one more than that. */
export function testReference(): Reference {
  const rows = Array.from({ length: 100 }, (_, i) => ({ wind: i * 0.6, sky: i % 2 === 0 ? 'sun' : 'rain' }))
  const warmth = Float64Array.from(rows, ({ wind }) => wind * 2)
  const truth = new Map([['warmth', warmth.map((value) => value + 1)]])
  return buildReference(testSchema, compileRowReader(testSchema)(rows), [warmth], truth, { file: 'demo.csv', sha256: '0'.repeat(64) })
}
