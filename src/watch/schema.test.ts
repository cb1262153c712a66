import { expect, test } from 'vitest'
import { parseModelSchema } from './schema.ts'

const parse = (feature: string, output = 'kind: regression') =>
  parseModelSchema(`name: m\nfeatures:\n  - { name: x, ${feature} }\noutputs:\n  - { name: y, ${output} }\n`, { file: 'model.yaml' })

test('a value is a number where nothing else is said, and other outputs have no type', () => {
  expect(parse('type: number', 'kind: value').outputs[0]).toMatchObject({ kind: 'value', type: 'number' })
  expect(parse('type: number', 'kind: value, type: image').outputs[0]).toMatchObject({ type: 'image' })
  expect(parse('type: number').outputs[0]).not.toHaveProperty('type')
})

test.for(['type: int64', 'type: uint64, enforce: count', 'type: image, nullable: true', 'type: integer, shape: [28, 28], range: [0, 255]'])(
  'a feature may be { %s }',
  (feature) => expect(() => parse(feature)).not.toThrow(),
)

test.for([
  {
    why: 'a range of wide integers',
    feature: 'type: int64, range: [0, 1]',
    want: 'model.yaml:3:29: features[0].range: an int64 has no range',
  },
  { why: 'null without a stand-in', feature: 'type: uint64, nullable: true', want: 'features[0].nullable: a uint64 cannot be null' },
  { why: 'categories of a picture', feature: 'type: image, categories: [a]', want: 'features[0].categories: an image has no categories' },
  {
    why: 'a shape of categories',
    feature: 'type: category, shape: [2]',
    want: 'features[0].shape: a category has no shape; number, integer and boolean may',
  },
  { why: 'a shape of pictures', feature: 'type: image, shape: [2]', want: 'features[0].shape: an image has no shape' },
  { why: 'no length', feature: 'type: number, shape: [2, 0]', want: 'features[0].shape[1]' },
  { why: 'half a length', feature: 'type: number, shape: [1.5]', want: 'features[0].shape[0]' },
  { why: 'an empty shape', feature: 'type: number, shape: []', want: 'features[0].shape' },
  {
    why: 'more than memory bears',
    feature: 'type: number, shape: [1000, 1001]',
    want: '1000 × 1001 are 1001000 values a row; at most 1000000 can be',
  },
  {
    why: 'another type',
    feature: 'type: int32',
    want: 'must be one of number, integer, boolean, category, int64, uint64, image, not "int32"',
  },
])('a feature is refused by line and key: $why', ({ feature, want }) => {
  expect(() => parse(feature)).toThrow(expect.objectContaining({ code: 'MW_CONFIG_INVALID', message: expect.stringContaining(want) }))
})

test.for([
  { why: 'a type that is no choice', output: 'kind: regression, type: int64', want: 'outputs[0].type: a regression has no type' },
  { why: 'classes of a value', output: 'kind: value, classes: [a, b]', want: 'outputs[0].classes: a value has no classes' },
  { why: 'a range of a value', output: 'kind: value, range: [0, 1]', want: 'outputs[0].range: a value has no range' },
  { why: 'a shape of text', output: 'kind: value, type: text, shape: [2]', want: 'outputs[0].shape: a value of type text has no shape' },
  {
    why: 'a shape of classes',
    output: 'kind: classification, classes: [a, b], shape: [2]',
    want: 'outputs[0].shape: a classification has no shape',
  },
  { why: 'no classes', output: 'kind: classification', want: 'outputs[0]: a classification needs classes' },
  { why: 'a range upside down', output: 'kind: regression, range: [2, 1]', want: 'the smallest value 2 is above the largest 1' },
])('an output is refused by line and key: $why', ({ output, want }) => {
  expect(() => parse('type: number', output)).toThrow(
    expect.objectContaining({ code: 'MW_CONFIG_INVALID', message: expect.stringContaining(want) }),
  )
})
