import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { Registry } from '../instrument/index.ts'
import { toRuleFile } from './drift-rules.ts'
import { createObserver } from './observer.ts'
import { buildReference, toReferenceJson } from './profile.ts'
import { createQualityTracker } from './quality.ts'
import { parseReference, valuesOf } from './reference.ts'
import { compileRowReader } from './rows.ts'
import { parseModelSchema } from './schema.ts'

/** Values that are not binned stand first and between, so that a place among the features is not a place among the binned ones. */
const schema = parseModelSchema(
  `name: m
features:
  - { name: photo, type: image }
  - { name: series, type: integer, shape: [2, 2], nullable: true }
  - { name: id, type: int64 }
  - { name: sky, type: category, categories: [sun, rain] }
outputs:
  - { name: cut, kind: value, type: image }
  - { name: kind, kind: classification, classes: [a, b] }
  - { name: boxes, kind: regression, shape: [2] }
  - { name: y, kind: regression }
`,
  { file: 'model.yaml' },
)
const read = compileRowReader(schema)
const photo = Buffer.from('GIF89a!').toString('base64')
const rowOf = (series: unknown, sky = 'sun') => ({ photo, series, id: 1, sky })
const outputsOf = (kinds: readonly string[]) => [
  kinds.map(() => Uint8Array.of(1)),
  kinds,
  Float64Array.from({ length: 2 * kinds.length }, (_, i) => i),
  Float64Array.from(kinds, () => 7),
]
const rows = read([rowOf([1, 2, 1, 2]), rowOf([1, 2, 2, 1], 'rain'), rowOf(null)])
const source = { file: 'f.csv', sha256: '' }
const truth = new Map([['y', Float64Array.of(8, 8, 8)]])
const reference = buildReference(schema, rows, outputsOf(['a', 'a', 'b']), truth, source)

test('only what can be binned is', () => {
  expect(valuesOf(schema).map(({ role, index, name, width }) => ({ role, index, name, width }))).toEqual([
    { role: 'input', index: 1, name: 'series', width: 4 },
    { role: 'input', index: 3, name: 'sky', width: 1 },
    { role: 'output', index: 1, name: 'kind', width: 1 },
    { role: 'output', index: 2, name: 'boxes', width: 2 },
    { role: 'output', index: 3, name: 'y', width: 1 },
  ])
})

test('all values of a shape go into one layout, and the file can be read again', () => {
  expect(reference.values[0]).toMatchObject({ name: 'series', edges: [1, 2, 2], rows: [4, 4], special: { missing: 4, nan: 0 } })
  expect(reference.values[1]).toMatchObject({ name: 'sky', rows: [2, 1] })
  expect(reference.values[2]).toMatchObject({ name: 'kind', rows: [2, 1] })
  expect(reference.baseline).toMatchObject([{ name: 'y', mae: 1 }])
  expect(parseReference(toReferenceJson(reference), { file: 'reference.json' }, schema)).toEqual(reference)
  const broken = toReferenceJson(reference).replace('"rows":[4,4]', '"rows":[4,3]')
  expect(() => parseReference(broken, { file: 'reference.json' }, schema)).toThrow(
    'its bins hold 11 values, the reference 3 rows of 4 values',
  )
})

test('each value of each row lands in one bin, and shares add up to 1', () => {
  const registry = new Registry()
  const observer = createObserver(schema, 'v1', reference, registry)
  const lines = () => registry.render().split('\n')
  expect(lines()).toContain('modelwatch_input_variance{model="m",revision="v1",window="50"} NaN')
  observer.inputs(read([rowOf([1, 1, 2, 9]), rowOf(null, 'hail'), rowOf([1, null, 'x', 2]), { ...rowOf([3, 3, 3, 3]), photo: 'no' }]))
  observer.outputs(outputsOf(['a', 'b']))
  const counts = (role: string, name: string) =>
    Object.fromEntries(
      lines().flatMap((line) => {
        const found = new RegExp(
          `^modelwatch_value_bin_total\\{model="m",revision="v1",role="${role}",name="${name}",bin="(.*)"\\} (.*)$`,
        ).exec(line)
        return found === null || found[2] === '0' ? [] : [[found[1], Number(found[2])]]
      }),
    )
  expect(counts('input', 'series')).toEqual({ '[1,2)': 3, '[2,2]': 2, above: 5, missing: 5, invalid: 1 })
  expect(counts('input', 'sky')).toEqual({ sun: 3, other: 1 })
  expect(counts('output', 'kind')).toEqual({ a: 1, b: 1 })
  expect(counts('output', 'boxes')).toEqual({ '[0,1)': 1, '[1,2)': 1, '[2,3)': 1, '[3,4)': 1 })
  expect(lines()).toContain(
    'modelwatch_reference_bin_ratio{model="m",revision="v1",role="input",name="series",bin="missing"} 0.3333333333333333',
  )
  expect(lines()).toContain('modelwatch_violations_total{model="m",revision="v1",name="photo",rule="type"} 1')
  expect(lines()).toContain('modelwatch_input_variance{model="m",revision="v1",window="50"} NaN') // Refused rows were not served.
  observer.inputs(read([rowOf([1, 1, 3, 3])]))
  expect(lines()).toContain('modelwatch_input_variance{model="m",revision="v1",window="50"} 1')
})

test('labels judge the one output that is a number a row', () => {
  const registry = new Registry()
  const quality = createQualityTracker(schema, 'v1', registry)
  const id = quality.predicted(outputsOf(['a', 'b']), 1, 0)
  expect(quality.labelled(id, new Map([['y', 9]]), 1)).toBe('matched')
  const errors = registry.render().match(/^modelwatch_error_abs_total.*$/gm)
  expect(errors).toEqual(['modelwatch_error_abs_total{model="m",revision="v1",name="y"} 2'])
})

test('a row with many values of a feature counts as one row in the rules', () => {
  const { groups } = parse(toRuleFile(schema)) as { groups: { name: string; rules: { record?: string; expr: string }[] }[] }
  const rules = groups[0]!.rules.filter(({ record }) => record === 'modelwatch:bin_rows').map(({ expr }) => expr)
  const rate = (matchers: string) => `sum by (model, revision, role, name, bin) (increase(modelwatch_value_bin_total{${matchers}}[1h]))`
  expect(rules).toEqual([
    rate('model="m", name!~"series|boxes"'),
    `${rate('model="m", name="series"')} / 4`,
    `${rate('model="m", name="boxes"')} / 2`,
  ])
})

test('a model of which nothing can be binned has no drift rules, and is served and counted', () => {
  const blind = parseModelSchema('name: m\nfeatures: [{ name: p, type: image }]\noutputs: [{ name: c, kind: value, type: image }]', {
    file: 'm',
  })
  const { groups } = parse(toRuleFile(blind)) as { groups: { name: string }[] }
  expect(groups.map(({ name }) => name)).toEqual(['modelwatch-m-service'])
  const empty = buildReference(blind, compileRowReader(blind)([{ p: photo }]), [[Uint8Array.of(1)]], new Map(), source)
  expect(parseReference(toReferenceJson(empty), { file: 'reference.json' }, blind).values).toEqual([])
  const registry = new Registry()
  const observer = createObserver(blind, 'v1', empty, registry)
  observer.inputs(compileRowReader(blind)([{ p: 1 }]))
  observer.outputs([[Uint8Array.of(1)]])
  expect(registry.render()).toContain('modelwatch_violations_total{model="m",revision="v1",name="p",rule="type"} 1')
  expect(registry.render()).not.toContain('modelwatch_input_variance')
})
