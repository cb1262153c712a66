import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import { compileAnswerWriter } from './answers.ts'
import type { Column } from './columns.ts'
import { toOutputsSchema } from './input-schema.ts'
import { parseModelSchema } from './schema.ts'

const schema = parseModelSchema(
  `name: m
features: [{ name: x, type: number }]
outputs:
  - { name: price, kind: regression, unit: € }
  - { name: boxes, kind: regression, shape: [2, 2] }
  - { name: kind, kind: classification, classes: [a, b] }
  - { name: score, kind: value }
  - { name: id, kind: value, type: int64 }
  - { name: hash, kind: value, type: uint64 }
  - { name: says, kind: value, type: text }
  - { name: cut, kind: value, type: image }
`,
  { file: 'model.yaml' },
)
const outputs: readonly Column[] = [
  Float64Array.of(1.5, Number.NaN),
  Float64Array.of(1, 2, 3, 4, 5, Number.POSITIVE_INFINITY, Number.NaN, -0),
  ['a', 'b'],
  Float64Array.of(0, Number.NEGATIVE_INFINITY),
  BigInt64Array.of(-(2n ** 53n) + 1n, -(2n ** 53n)),
  BigUint64Array.of(2n ** 53n - 1n, 2n ** 64n - 1n),
  ['', 'ü'],
  [Uint8Array.of(1, 2, 3), new Uint8Array(0)],
]

test('each kind of answer is written so that JSON carries it', () => {
  const write = compileAnswerWriter(schema)
  const written = [write(outputs, 0), write(outputs, 1)].map((answer) => JSON.parse(answer))
  expect(written).toEqual([
    {
      price: 1.5,
      boxes: [
        [1, 2],
        [3, 4],
      ],
      kind: 'a',
      score: 0,
      id: -9007199254740991,
      hash: 9007199254740991,
      says: '',
      cut: 'AQID',
    },
    {
      price: null,
      boxes: [
        [5, null],
        [null, 0],
      ],
      kind: 'b',
      score: null,
      id: '-9007199254740992',
      hash: '18446744073709551615',
      says: 'ü',
      cut: null,
    },
  ])
  const validate = new Ajv({ strict: false }).compile(toOutputsSchema(schema) as object)
  for (const answer of written) expect(validate(answer), JSON.stringify(validate.errors)).toBe(true)
})

test('a picture that is a part of a larger buffer is written alone', () => {
  const cut = Uint8Array.of(9, 1, 2, 3, 9).subarray(1, 4)
  const only = parseModelSchema('name: m\nfeatures: [{ name: x, type: number }]\noutputs: [{ name: cut, kind: value, type: image }]', {
    file: 'm',
  })
  expect(compileAnswerWriter(only)([[cut]], 0)).toBe('{"cut":"AQID"}')
})
