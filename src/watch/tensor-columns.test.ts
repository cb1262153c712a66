import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FeatureValues } from './feature-reader.ts'
import { compileRowReader } from './rows.ts'
import { type Feature, parseModelSchema } from './schema.ts'
import { compileColumnReader } from './tensor-columns.ts'

const schema = parseModelSchema(
  `name: m
features:
  - { name: wind, type: number, range: [0, 60] }
  - { name: gust, type: number, range: [-10, 10], enforce: count, nullable: true }
  - { name: day, type: integer, range: [1, 366] }
  - { name: count, type: integer }
  - { name: dry, type: boolean }
  - { name: sky, type: category, categories: [sun, rain] }
  - { name: note, type: category, nullable: true, categories: [a], enforce: count }
  - { name: id, type: int64 }
  - { name: big, type: uint64 }
  - { name: photo, type: image, nullable: true }
  - { name: grid, type: integer, shape: [2, 2], range: [0, 9] }
  - { name: series, type: number, shape: [3], nullable: true, enforce: count, range: [0, 1] }
  - { name: mask, type: boolean, shape: [2] }
outputs:
  - { name: y, kind: regression }
`,
  { file: 'model.yaml' },
)
const readRows = compileRowReader(schema)
const readColumns = compileColumnReader(schema)
const widthOf = ({ shape }: Feature) => (shape ?? []).reduce((product, length) => product * length, 1)

const picture = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1)
/** What a tensor may carry for a feature, good and bad, by its type. */
const data: Readonly<Record<Feature['type'], fc.Arbitrary<unknown>>> = {
  number: fc.oneof(fc.double(), fc.constantFrom(0, -0, 1, 60, 61, Number.NaN, Number.POSITIVE_INFINITY, null)),
  integer: fc.oneof(fc.integer({ min: -2, max: 400 }), fc.constantFrom(1.5, 2 ** 53, -0, Number.NaN, Number.NEGATIVE_INFINITY, null)),
  boolean: fc.constantFrom(true, false, 1, 2, null),
  category: fc.constantFrom('sun', 'rain', 'a', 'hail', '', null),
  int64: fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n), fc.constantFrom(1, 1.5, null)),
  uint64: fc.oneof(fc.bigInt(-1n, 2n ** 64n), fc.constantFrom(1, -1, null)),
  image: fc.constantFrom(picture, Uint8Array.of(1, 2), Buffer.from(picture).toString('base64'), '!', '', null),
}
/** What is right for each feature, so that whole columns are. */
const good: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  wind: fc.double({ min: 0, max: 60, noNaN: true }),
  gust: fc.double({ min: -20, max: 20, noNaN: true }),
  day: fc.integer({ min: 1, max: 366 }),
  count: fc.maxSafeInteger(),
  dry: fc.boolean(),
  sky: fc.constantFrom('sun', 'rain'),
  note: fc.constantFrom('a', 'b'),
  id: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
  big: fc.bigInt(0n, 2n ** 64n - 1n),
  photo: fc.constant(picture),
  grid: fc.integer({ min: 0, max: 9 }),
  series: fc.double({ min: 0, max: 1, noNaN: true }),
  mask: fc.boolean(),
}

/** The same values as an array of a type, where all of them fit into one. */
function packed({ type }: Feature, values: readonly unknown[]): FeatureValues['data'] {
  if (values.every((value) => typeof value === 'number')) return Float64Array.from(values)
  if (type === 'int64' && values.every((value) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value))
    return BigInt64Array.from(values as bigint[])
  if (type === 'uint64' && values.every((value) => typeof value === 'bigint' && BigInt.asUintN(64, value) === value))
    return BigUint64Array.from(values as bigint[])
  return values
}

const tensor = (feature: Feature, rows: number) => {
  const width = widthOf(feature)
  const list = (each: fc.Arbitrary<unknown>) => fc.array(each, { minLength: rows * width, maxLength: rows * width })
  const values = fc.oneof({ weight: 6, arbitrary: list(good[feature.name]!) }, { weight: 2, arbitrary: list(data[feature.type]) })
  const gaps = fc.record({ before: fc.nat(2), between: fc.nat(2) })
  return fc.option(fc.tuple(values, gaps), { nil: undefined, freq: 8 }).map((one) => {
    if (one === undefined) return undefined
    const [plain, { before, between }] = one
    const step = width + between
    const filler = plain[0]
    const spread = Array.from({ length: before + rows * step }, (_, i) => {
      const [r, w] = [Math.floor((i - before) / step), (i - before) % step]
      return i < before || w >= width ? filler : plain[r * width + w]
    })
    return { plain, width, given: { data: packed(feature, spread), start: before, step } satisfies FeatureValues }
  })
}

test('columns of tensors are read as rows of the same values: values, faults and counts', () => {
  const request = fc
    .nat(4)
    .chain((rows) => fc.tuple(fc.constant(rows), fc.tuple(...schema.features.map((feature) => tensor(feature, rows)))))
  fc.assert(
    fc.property(request, ([count, tensors]) => {
      const rows = Array.from({ length: count }, (_, r) => {
        const row: Record<string, unknown> = {}
        for (const [f, feature] of schema.features.entries()) {
          const one = tensors[f]
          if (one === undefined) continue
          const own = one.plain.slice(r * one.width, (r + 1) * one.width)
          row[feature.name] = feature.shape === undefined ? own[0] : own.every((value) => value === null) ? null : own
        }
        return row
      })
      const read = readColumns(
        count,
        tensors.map((one) => one?.given),
      )
      expect(read).toEqual(readRows(rows))
    }),
    { numRuns: 1500 },
  )
})

test('columns are new ones, for a tensor’s bytes may be used again', () => {
  const [wind, id] = [Float64Array.of(1, 2), BigInt64Array.of(3n, 4n)]
  const given = schema.features.map(({ name }) => {
    const own = name === 'wind' ? wind : name === 'id' ? id : undefined
    return own === undefined ? undefined : { data: own, start: 0, step: 1 }
  })
  const { columns } = readColumns(2, given)
  wind.fill(9)
  id.fill(9n)
  expect([columns.values[0], columns.values[7]]).toEqual([Float64Array.of(1, 2), BigInt64Array.of(3n, 4n)])
})
