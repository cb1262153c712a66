import { expect, test } from 'vitest'
import { compileRegExp } from './regexp.ts'

// By the RE2 manual, https://github.com/google/re2/wiki/Syntax; every expression is anchored at both ends.
test.for([
  { pattern: 'foo', yes: ['foo'], no: ['food', 'afoo', '', 'FOO'] },
  { pattern: 'foo|bar', yes: ['foo', 'bar'], no: ['foobar', 'foar'] },
  { pattern: '', yes: [''], no: ['a'] },
  { pattern: '.+', yes: ['a', 'a\nb', '\u2028', '😀'], no: [''] },
  { pattern: '.', yes: ['😀', '\n'], no: ['ab'] },
  { pattern: '(?-s).', yes: ['a', '\r'], no: ['\n'] },
  { pattern: '(?i)foo', yes: ['foo', 'FOO'], no: ['fo'] },
  { pattern: '(?i:PRO).*', yes: ['production', 'Pro'], no: ['pr'] },
  { pattern: 'a((?i)b|c)d', yes: ['abd', 'aBd', 'aCd'], no: ['Abd', 'abD'] },
  { pattern: 'a(?i)b|c', yes: ['ab', 'aB', 'c', 'C'], no: ['Ab'] },
  { pattern: '(?i)a(?-i)b', yes: ['ab', 'Ab'], no: ['aB'] },
  { pattern: '(?m)a$\n^b', yes: ['a\nb'], no: ['ab'] },
  { pattern: '^a$', yes: ['a'], no: ['a\n'] },
  { pattern: '\\Aa\\z', yes: ['a'], no: ['ba'] },
  { pattern: '^*a', yes: ['a'], no: ['^a'] },
  { pattern: '[[:alpha:]_]+', yes: ['a_Z'], no: ['1', 'é'] },
  { pattern: '[[:^digit:]]', yes: ['a'], no: ['1'] },
  { pattern: '[^[:space:]a]', yes: ['b'], no: ['a', '\v'] },
  { pattern: '[]a-]+', yes: [']-a'], no: ['b'] },
  { pattern: '[^]]', yes: ['a'], no: [']'] },
  { pattern: '[a&&b]', yes: ['&', 'a', 'b'], no: ['c'] },
  { pattern: '[\\d\\-x]+', yes: ['1-x'], no: ['a'] },
  { pattern: '[\\W]', yes: ['-'], no: ['a'] },
  { pattern: '\\s', yes: ['\t', ' '], no: ['\v', '\u00a0'] },
  { pattern: '\\pL\\p{Lu}\\p{Greek}', yes: ['aBγ'], no: ['aBc'] },
  { pattern: '\\PL\\p{^L}', yes: ['1-'], no: ['ab'] },
  { pattern: '\\x41\\x{1F600}\\101', yes: ['A😀A'], no: ['AA'] },
  { pattern: '\\Qa.b\\E+', yes: ['a.b', 'a.bb'], no: ['aXb'] },
  { pattern: 'a{2}b{1,}c{0,1}', yes: ['aab', 'aabbc'], no: ['ab', 'aacc'] },
  { pattern: 'a{,2}', yes: ['a{,2}'], no: ['aa'] },
  { pattern: 'x*?y+?z??', yes: ['xxy', 'yz'], no: ['x'] },
  { pattern: '(?:ab)+', yes: ['abab'], no: ['aba'] },
  { pattern: 'demo\\.io:\\d+/\\_\\"', yes: ['demo.io:80/_"'], no: ['demoxio:80/_"'] },
  { pattern: 'a\\ b\\\t', yes: ['a b\t'], no: ['ab'] },
  { pattern: '(?P<n>a)(?P<n>b)', yes: ['ab'], no: ['a'] },
  { pattern: '\\x{0000000041}', yes: ['A'], no: ['a'] },
  { pattern: 'a-b#c/d', yes: ['a-b#c/d'], no: [] },
])('$pattern', ({ pattern, yes, no }) => {
  const expression = compileRegExp(pattern)
  expect(yes.filter((text) => !expression.test(text))).toEqual([])
  expect(no.filter((text) => expression.test(text))).toEqual([])
})

test.for([
  { pattern: 'a)', message: 'unexpected )' },
  { pattern: '(a', message: 'missing closing )' },
  { pattern: '[a', message: 'missing closing ]' },
  { pattern: '*a', message: 'missing argument to repetition operator' },
  { pattern: 'a|*', message: 'missing argument to repetition operator' },
  { pattern: 'a**', message: 'invalid nested repetition operator' },
  { pattern: 'a{2}{3}', message: 'invalid nested repetition operator' },
  { pattern: 'a{1001}', message: 'invalid repeat count' },
  { pattern: 'a{3,2}', message: 'invalid repeat count' },
  { pattern: 'a\\', message: 'trailing backslash' },
  { pattern: '\\y', message: 'invalid escape sequence' },
  { pattern: '(a)\\1', message: 'invalid escape sequence' },
  { pattern: '[z-a]', message: 'invalid character class range' },
  { pattern: '[[:foo:]]', message: 'invalid character class range' },
  { pattern: '(?=a)', message: 'invalid or unsupported Perl syntax' },
  { pattern: '(?<', message: 'invalid or unsupported Perl syntax: `(?<`' },
  { pattern: 'x(?<!a)b', message: 'invalid named capture: `(?<!a)b`' },
  { pattern: '(?P<n', message: 'invalid named capture: `(?P<n`' },
  { pattern: '(?P<a b>x)y', message: 'invalid named capture: `(?P<a b>`' },
  { pattern: 'x\\p', message: 'invalid character class range: `\\p`' },
  { pattern: '\\p{L)', message: 'invalid character class range: `\\p{L)`' },
  { pattern: '\\p{any}x', message: 'invalid character class range: `\\p{any}`' },
  { pattern: '[\\P{Klingon}]', message: 'invalid character class range: `\\P{Klingon}`' },
  { pattern: '\\xgz', message: 'invalid escape sequence: `\\xgz`' },
  { pattern: '\\x6}', message: 'invalid escape sequence: `\\x6}`' },
  { pattern: '\\x{}z', message: 'invalid escape sequence: `\\x{}`' },
  { pattern: '\\x{6', message: 'invalid escape sequence: `\\x{6`' },
  { pattern: '\\x{110000}', message: 'invalid escape sequence: `\\x{110000`' },
])('RE2 refuses $pattern, and so do we', ({ pattern, message }) => {
  expect(() => compileRegExp(pattern)).toThrow(
    expect.objectContaining({ code: 'MW_STORE_MATCHER', message: expect.stringContaining(message) }),
  )
})

test.for([
  { why: 'a very long pattern', pattern: 'a'.repeat(65_537), message: 'at most 65536' },
  { why: 'a pattern of very many parts', pattern: '[ab]{1000}'.repeat(11), message: 'more than 10000 parts' },
  { why: 'groups in groups without end', pattern: `${'('.repeat(600)}${')'.repeat(600)}`, message: 'more than 500 deep' },
])('is refused, and says why: $why', ({ pattern, message }) => {
  expect(() => compileRegExp(pattern)).toThrow(
    expect.objectContaining({ code: 'MW_STORE_MATCHER_UNSUPPORTED', message: expect.stringContaining(message) }),
  )
})

// Each of them takes a backtracking machine time that grows with a power of the length, or doubles with each character.
const nasty = [
  `${'.*'.repeat(10)}x`,
  '(a+)+b',
  '(a*)*b',
  '(a|a)*b',
  '(a|ab|b)*c',
  '(?:a?){30}a{30}b',
  `${'a*'.repeat(40)}b`,
  '(.*)(.*)(.*)(.*)(.*)[0-9]',
  '.*a.{100}c',
  '(?i)(x+x+)+y',
  '(?:(?:(?:a*)*)*)*\\bb',
  '(?m)(?:^a*$\\n?)*b',
]
test.for(nasty)('takes steps in proportion to the text: %s', (pattern) => {
  for (const unit of ['a', 'ab', 'x', 'a\n', 'aä']) {
    const stepsOf = (units: number) => {
      const expression = compileRegExp(pattern)
      expression.match(unit.repeat(units))
      return expression.steps
    }
    const few = stepsOf(1000)
    expect(stepsOf(10_000)).toBeLessThanOrEqual(12 * few + 1000)
  }
})

test.for(nasty)('catches groups in steps in proportion to the text: %s', (pattern) => {
  const stepsOf = (units: number) => {
    const expression = compileRegExp(`(?:${pattern}|(.)*)`)
    expect(expression.match('a'.repeat(units))?.at(-1)).toBe('a')
    return expression.steps
  }
  expect(stepsOf(10_000)).toBeLessThanOrEqual(12 * stepsOf(1000) + 1000)
})

test('an expression may take only so many steps', () => {
  const expression = compileRegExp('(?:.?){500}x', { stepsMax: 1000 })
  expect(() => expression.test('abc')).toThrow(expect.objectContaining({ code: 'MW_STORE_SELECT_LIMIT' }))
})

test('states are forgotten and made again: the answers stay', () => {
  // Whether an a stood 300 before: behind every text there is another state, of up to 300 places.
  const expression = compileRegExp('.*a[^c]{300}')
  const random = (seed: number) => (Math.imul(seed, 0x9e37_79b1) >>> 15) % 2
  const letters = Array.from({ length: 8000 }, (_, i) => (random(i + 1) === 0 ? 'a' : 'b'))
  for (let end = 301; end <= 8000; end += 700) {
    expect(expression.test(letters.slice(0, end).join(''))).toBe(letters[end - 301] === 'a')
  }
})

// Where a shortcut is taken, and where it just may not be.
test.for([
  { pattern: '^foo$', literals: ['foo'] },
  { pattern: '^(?:foo|bar(?P<x>1|2)?)$', literals: ['foo', 'bar', 'bar1', 'bar2'] },
  { pattern: '', literals: [''] },
  { pattern: 'a\\.b', literals: ['a.b'] },
  { pattern: '(?i)1-2', literals: ['1-2'] },
  { pattern: '(?i)a', literals: undefined },
  { pattern: 'fo+', literals: undefined },
  { pattern: '\\x{D83D}', literals: undefined },
  { pattern: Array.from({ length: 5000 }, (_, i) => `host-${i}`).join('|'), literals: Array.from({ length: 5000 }, (_, i) => `host-${i}`) },
])('lists what matches', ({ pattern, literals }) => {
  expect(compileRegExp(pattern).literals).toEqual(literals === undefined ? undefined : new Set(literals))
})

test.for([
  { pattern: 'foo.*', yes: ['foo', 'food'], no: ['afoo'] },
  { pattern: 'foo.+', yes: ['food'], no: ['foo'] },
  { pattern: '.*foo', yes: ['foo', 'afoo'], no: ['food'] },
  { pattern: '.+foo', yes: ['afoo', 'foofoo'], no: ['foo'] },
  { pattern: '.*foo.*', yes: ['foo', 'afoob'], no: ['fo'] },
  { pattern: '.+foo.+', yes: ['afoob', 'foofoob'], no: ['foob', 'afoo', 'foofoo'] },
  { pattern: '.+.*', yes: ['a', 'ab'], no: [''] },
  { pattern: '.+.+', yes: ['ab', 'abc'], no: ['', 'a'] },
  { pattern: '.*.+', yes: ['a', 'ab'], no: [''] },
  { pattern: '(foo|ba)(.*)(b|ab)', yes: ['foob', 'baab', 'bab', 'foo-ab'], no: ['ba', 'ab', 'foo'] },
  { pattern: 'aba.*aba', yes: ['abaaba'], no: ['aba', 'ababa'] },
  { pattern: '(.*)', yes: ['', 'x'], no: [] },
])('a shortcut is right: $pattern', ({ pattern, yes, no }) => {
  const expression = compileRegExp(pattern)
  expect(yes.filter((text) => !expression.test(text))).toEqual([])
  expect(no.filter((text) => expression.test(text))).toEqual([])
  expect(expression.steps).toBe(0)
})

test('groups are caught and named', () => {
  const expression = compileRegExp('(?P<host>[^:]+):(\\d+)(x)?')
  expect(expression.groupNames).toEqual(['', 'host', '', ''])
  expect(expression.match('db:5432')).toEqual(['db:5432', 'db', '5432', ''])
  expect(expression.match('db')).toBeUndefined()
})

// By the rule of Perl and Go: the first alternative, the most (or, with ?, the fewest) rounds.
test.for([
  { pattern: '(a|ab)(c|bcd)?(d*)', text: 'abcd', groups: ['a', 'bcd', ''] },
  { pattern: '(a*)(a*)', text: 'aa', groups: ['aa', ''] },
  { pattern: '(a*?)(a*)', text: 'aa', groups: ['', 'aa'] },
  { pattern: '(?U)(a*)(a*)', text: 'aa', groups: ['', 'aa'] },
  { pattern: '(?U)(a*?)(a*)', text: 'aa', groups: ['aa', ''] },
  { pattern: '(a)|(b)', text: 'b', groups: ['', 'b'] },
  { pattern: '(?:(a)|(b))*', text: 'ab', groups: ['a', 'b'] }, // A round that takes b does not undo what an earlier one caught.
  { pattern: '(a|b)*', text: 'abb', groups: ['b'] },
  { pattern: '(.*)-(.*)', text: 'a-b-c', groups: ['a-b', 'c'] },
  { pattern: '(.*?)-(.*)', text: 'a-b-c', groups: ['a', 'b-c'] },
  { pattern: '(.)(.)', text: '😀ä', groups: ['😀', 'ä'] },
  { pattern: '(x{2,3}?)(x*)', text: 'xxxx', groups: ['xx', 'xx'] },
  { pattern: '(\\w+)\\b(.*)', text: 'ab cd', groups: ['ab', ' cd'] },
])('$pattern catches in $text', ({ pattern, text, groups }) => expect(compileRegExp(pattern).match(text)).toEqual([text, ...groups]))
