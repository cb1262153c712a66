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
  { pattern: '(?<!a)b', message: 'invalid or unsupported Perl syntax' },
  { pattern: '(?P<a>x)(?P<a>y)', message: 'invalid named capture' },
])('RE2 refuses $pattern, and so do we', ({ pattern, message }) => {
  expect(() => compileRegExp(pattern)).toThrow(
    expect.objectContaining({ code: 'MW_STORE_MATCHER', message: expect.stringContaining(message) }),
  )
})

test.for([
  { why: 'a repetition of a repetition', pattern: '(a+)+b' },
  { why: 'a repetition of alternatives', pattern: '(a|ab)*c' },
  { why: 'an optional part, repeated', pattern: '(a?){30}b' },
  { why: 'too many choices in a row', pattern: 'a*'.repeat(13) },
  { why: 'swapped greediness', pattern: '(?U)a+' },
  { why: 'a script we do not know', pattern: '\\p{Klingon}' },
  { why: 'a very long pattern', pattern: 'a'.repeat(5000) },
])('is refused rather than run away: $why', ({ pattern }) => {
  expect(() => compileRegExp(pattern)).toThrow(expect.objectContaining({ code: 'MW_STORE_MATCHER_UNSUPPORTED' }))
})

test('alternatives do not add up, a chain does', () => {
  expect(compileRegExp(Array.from({ length: 40 }, (_, i) => `job${i}.*`).join('|')).test('job39-x')).toBe(true)
})

test('groups are caught and named', () => {
  const expression = compileRegExp('(?P<host>[^:]+):(\\d+)(x)?')
  expect(expression.groupNames).toEqual(['', 'host', '', ''])
  expect(expression.match('db:5432')).toEqual(['db:5432', 'db', '5432', ''])
  expect(expression.match('db')).toBeUndefined()
})
