import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileRegExp } from './regexp.ts'

// Patterns so small that JavaScript's own machine can judge them, made of what both dialects write alike.
const atom = fc.constantFrom('a', 'b', 'c', '.', '[ab]', '[^a]', '\\w', '\\d', '\\b', '\\B', 'ä', '😀', '1', '')
const suffix = fc.constantFrom('', '', '', '*', '+', '?', '*?', '+?', '??', '{2}', '{0,2}', '{1,}')
// Fewer rounds of groups, for the sake of JavaScript: what it takes doubles with each of them.
const groupSuffix = fc.constantFrom('', '', '*', '+', '?', '*?')
const { pattern } = fc.letrec<{ pattern: string; piece: string }>((tie) => ({
  pattern: fc
    .array(fc.array(tie('piece'), { maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((branches) => branches.map((pieces) => pieces.join('')).join('|')),
  piece: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.tuple(atom, suffix).map(([one, rounds]) => (one === '' || one.startsWith('\\b') || one.startsWith('\\B') ? one : one + rounds)),
    fc.tuple(tie('pattern'), groupSuffix).map(([inner, rounds]) => `(${inner})${rounds}`),
    fc.tuple(tie('pattern'), groupSuffix).map(([inner, rounds]) => `(?:${inner})${rounds}`),
  ),
}))
const text = fc.array(fc.constantFrom('a', 'b', 'c', '1', ' ', '\n', 'ä', '😀'), { maxLength: 5 }).map((letters) => letters.join(''))

test('matches what JavaScript matches', () => {
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 5 }), (source, texts) => {
      const theirs = new RegExp(`^(?:${source})$`, 'vs')
      const ours = compileRegExp(source)
      expect(texts.map((one) => ours.test(one))).toEqual(texts.map((one) => theirs.test(one)))
      expect(texts.map((one) => ours.match(one) !== undefined)).toEqual(texts.map((one) => theirs.test(one)))
    }),
    { numRuns: 2000 },
  )
})

// Groups inside of repetitions differ by design: JavaScript forgets what they caught at each round, RE2 does not. So none is repeated here.
const flat = fc.letrec<{ pattern: string; piece: string }>((tie) => ({
  pattern: fc
    .array(fc.array(tie('piece'), { maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((branches) => branches.map((pieces) => pieces.join('')).join('|')),
  piece: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    fc.tuple(fc.constantFrom('a', 'b', '.', '[ab]', '(?:ab|a)', '(?:b|)'), suffix).map((parts) => parts.join('')),
    tie('pattern').map((inner) => `(${inner})`),
  ),
})).pattern

test('catches what JavaScript catches', () => {
  fc.assert(
    fc.property(flat, text, (source, one) => {
      const theirs = new RegExp(`^(?:${source})$`, 'vs').exec(one)
      expect(compileRegExp(source).match(one)).toEqual(theirs === null ? undefined : Array.from(theirs, (group) => group ?? ''))
    }),
    { numRuns: 2000 },
  )
})

test('ignores case as JavaScript does, letter by letter', () => {
  const letters = [...'kKKsSſaAåÅÅßẞσςΣıiİI1-']
  for (const a of letters) {
    for (const source of [a, `[${a}]`, `[^${a}]`, '\\w', '[^\\w]', '\\pL', '\\P{Lu}']) {
      const ours = compileRegExp(`(?i)${source}`)
      const theirs = new RegExp(`^(?:${source.replace('\\pL', '\\p{L}').replace(/^\[\^?-\]$/, (c) => c.replace('-', '\\-'))})$`, 'vi')
      // \w alone is wider in JavaScript and RE2 alike: it holds what folds to a letter of it.
      expect([source, letters.filter((b) => ours.test(b))]).toEqual([source, letters.filter((b) => theirs.test(b))])
    }
  }
})
