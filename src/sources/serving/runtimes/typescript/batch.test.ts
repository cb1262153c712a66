import { expect, test } from 'vitest'
import { parseModelSchema } from '../../../../watch/index.ts'
import { toBatch } from './batch.ts'

const schema = parseModelSchema(
  `name: m
features:
  - { name: n, type: number, nullable: true }
  - { name: flag, type: boolean, nullable: true }
  - { name: c, type: category, nullable: true }
  - { name: text, type: category }
  - { name: w, type: int64 }
  - { name: p, type: image }
  - { name: s, type: number, shape: [2, 2] }
outputs: [{ name: y, kind: regression }]`,
  { file: 'model.yaml' },
)

test('rows are objects as clients send them, and columns bear the names of the features', () => {
  const columns = {
    rows: 2,
    values: [
      Float64Array.of(1.5, Number.NaN),
      Float64Array.of(1, 0),
      ['x', ''],
      ['', 'y'],
      BigInt64Array.of(-1n, 2n ** 62n),
      [Uint8Array.of(1), Uint8Array.of(2, 3)],
      Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8),
    ],
  }
  const batch = toBatch(schema, columns, 12)
  expect([batch.rows, batch.deadlineMs, batch.columns.flag]).toEqual([2, 12, Float64Array.of(1, 0)])
  expect(batch.toRows()).toEqual([
    {
      n: 1.5,
      flag: true,
      c: 'x',
      text: '',
      w: -1n,
      p: Uint8Array.of(1),
      s: [
        [1, 2],
        [3, 4],
      ],
    },
    {
      n: null,
      flag: false,
      c: null,
      text: 'y',
      w: 2n ** 62n,
      p: Uint8Array.of(2, 3),
      s: [
        [5, 6],
        [7, 8],
      ],
    },
  ])
})
