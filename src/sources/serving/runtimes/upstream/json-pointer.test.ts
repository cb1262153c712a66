import { expect, test } from 'vitest'
import { follow, parsePointer } from './json-pointer.ts'

const document = { quality: 5, 'a/b': { '~': 1 }, list: [{ x: 1 }, { x: 2 }], '': 0 }

test.for([
  { why: 'the whole', pointer: '', want: document },
  { why: 'a key', pointer: '/quality', want: 5 },
  { why: 'a key that is empty', pointer: '/', want: 0 },
  { why: 'a key with a slash and one with a tilde', pointer: '/a~1b/~0', want: 1 },
  { why: 'an item', pointer: '/list/1/x', want: 2 },
  { why: 'no item', pointer: '/list/2', want: undefined },
  { why: 'an index is written one way only', pointer: '/list/01', want: undefined },
  { why: 'a list has no other keys', pointer: '/list/length', want: undefined },
  { why: 'nothing is inherited', pointer: '/constructor', want: undefined },
  { why: 'below a number is nothing', pointer: '/quality/x', want: undefined },
])('$why: $pointer', ({ pointer, want }) => expect(follow(document, parsePointer(pointer)!.before)).toEqual(want))

test('one star divides it', () => {
  expect(parsePointer('/list/*/x')).toEqual({ text: '/list/*/x', before: ['list'], after: ['x'] })
  expect(parsePointer('/*')).toEqual({ text: '/*', before: [], after: [] })
  expect([parsePointer('/*/*'), parsePointer('quality')]).toEqual([undefined, undefined])
})
