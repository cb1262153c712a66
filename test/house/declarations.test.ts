import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { collectErrors, collectFamilies, generateDocs, root } from '../support/generated-docs.ts'

test('an error code is declared once, with a hint', async () => {
  const errors = await collectErrors()
  const codes = errors.map(({ code }) => code)
  expect(codes.length).toBeGreaterThan(20)
  expect(codes.filter((code, i) => codes.indexOf(code) !== i)).toEqual([])
  expect(
    errors
      .filter(({ factory }) => !/^[A-Z"].*[.)a-z]$/s.test(factory.spec.hint))
      .map(({ code, factory }) => `${code}: ${factory.spec.hint}`),
  ).toEqual([])
})

test('a metric family is declared once, and its help is a sentence', async () => {
  const families = (await collectFamilies()).map(({ family }) => family)
  const names = families.map(({ name }) => name)
  expect(names.length).toBeGreaterThan(20)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
  expect(families.filter(({ help }) => !/^[A-Z0-9].*\.$/s.test(help)).map(({ name }) => name)).toEqual([])
})

test('the generated pages say what the code says', async () => {
  for (const { path, text } of await generateDocs()) {
    expect(readFileSync(join(root, path), 'utf8'), `${path} is stale: run "npm run docs"`).toBe(text)
  }
})
