import { expect, test } from 'vitest'
import type { Reference } from '../../app/profile.ts'
import { describeReference } from './profile.ts'

const special = { below: 0, above: 0, missing: 0, nan: 0, invalid: 0 }
const reference: Reference = {
  format: 1,
  model: 'demo',
  rows: 4,
  source: { file: 'rows.csv', sha256: '' },
  values: [
    {
      role: 'input',
      name: 'wind',
      kind: 'number',
      edges: [0, 2, 5],
      rows: [1, 2],
      special: { ...special, nan: 1 },
      mean: 2.5,
      deviation: 1,
    },
    {
      role: 'input',
      name: 'hail',
      kind: 'number',
      edges: [0, 0],
      rows: [0],
      special: { ...special, missing: 4 },
      mean: null,
      deviation: null,
    },
    {
      role: 'input',
      name: 'sky',
      kind: 'category',
      categories: ['sun', 'rain'],
      rows: [3, 1],
      special: { other: 0, missing: 0, invalid: 0 },
    },
    { role: 'input', name: 'moon', kind: 'category', categories: [], rows: [], special: { other: 0, missing: 4, invalid: 0 } },
    { role: 'input', name: 'tide', kind: 'category', categories: ['low'], rows: [0], special: { other: 4, missing: 0, invalid: 0 } },
  ],
  baseline: [{ name: 'warmth', rows: 4, mae: 1, rmse: 1.5, bias: -0.25 }],
}

test('a line for each value; where nothing was, none is made up', () => {
  expect(describeReference(reference)).toEqual([
    '  input  wind  2 bins from 0 to 5, mean 2.500, 1 nan',
    '  input  hail  no values, 4 missing',
    '  input  sky   2 categories: sun, rain',
    '  input  moon  no values, 4 missing',
    '  input  tide  1 categories: low, 4 other',
    '  baseline of warmth: RMSE 1.500, MAE 1.000, bias -0.250',
  ])
})
