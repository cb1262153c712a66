import { expect, test } from 'vitest'
import { toInputValue } from './cells.ts'

test.for([
  ['number', '12.5', 12.5],
  ['number', ' -1e3 ', -1000],
  ['number', '', null],
  ['number', 'NaN', Number.NaN],
  ['number', '-inf', Number.NEGATIVE_INFINITY],
  ['number', 'n/a', 'n/a'],
  ['number', '0x10', '0x10'],
  ['number', 7n, 7],
  ['number', true, true],
  ['integer', '3', 3],
  ['boolean', 'True', true],
  ['boolean', '0', false],
  ['boolean', 'yes', 'yes'],
  ['category', 'sun', 'sun'],
  ['category', 12, '12'],
  ['category', null, null],
] as const)('%s from %s is %s', ([type, cell, want]) => expect(toInputValue({ type }, cell)).toEqual(want))

test.for([
  ['int64', ' 9223372036854775807 ', '9223372036854775807'],
  ['uint64', 18446744073709551615n, 18446744073709551615n],
  ['int64', '', null],
  ['int64', 'n/a', 'n/a'],
  ['image', 'iVBORw0KGgo=', 'iVBORw0KGgo='],
] as const)('%s from %s is %s', ([type, cell, want]) => expect(toInputValue({ type }, cell)).toEqual(want))

test.for([
  [
    '[[1, 2], [3, null]]',
    [
      [1, 2],
      [3, null],
    ],
  ],
  ['', null],
  ['[1, 2', '[1, 2'],
  ['7', '7'],
] as const)('a feature with a shape from %s', ([cell, want]) => expect(toInputValue({ type: 'number', shape: [2, 2] }, cell)).toEqual(want))
