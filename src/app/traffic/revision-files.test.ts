import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { copyRevision, digestOfFolder, listFiles } from './revision-files.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 }) // They wait for events; only a machine at its limit takes long.

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'files-'))
})
afterEach(() => rm(dir, { recursive: true }))
const at = (path: string) => join(dir, path)

test('a folder is its names and bytes, and nothing else', async () => {
  await mkdir(at('one/deep/er'), { recursive: true })
  await mkdir(at('two/deep/er'), { recursive: true })
  for (const folder of ['one', 'two']) {
    await writeFile(at(`${folder}/b`), 'b')
    await writeFile(at(`${folder}/deep/er/a`), 'a')
  }
  expect(await listFiles(at('one'))).toEqual(['b', 'deep/er/a'])
  const digest = await digestOfFolder(at('one'))
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)
  await utimes(at('two/b'), 1, 1)
  await writeFile(at('two/.DS_Store'), 'x')
  expect(await digestOfFolder(at('two'))).toBe(digest)
  await writeFile(at('two/b'), 'c')
  expect(await digestOfFolder(at('two'))).not.toBe(digest)
  await writeFile(at('two/b'), 'b')
  await writeFile(at('two/c'), '')
  expect(await digestOfFolder(at('two'))).not.toBe(digest)
})

test('links are followed, to files and to folders', async () => {
  await mkdir(at('real/sub'), { recursive: true })
  await writeFile(at('real/sub/a'), 'a')
  await writeFile(at('real/b'), 'b')
  await mkdir(at('linked'))
  await symlink(at('real/sub'), at('linked/sub'))
  await symlink(at('real/b'), at('linked/b'))
  expect(await digestOfFolder(at('linked'))).toBe(await digestOfFolder(at('real')))
})

const write = async (files: Readonly<Record<string, string>>) => {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(at(path), '..'), { recursive: true })
    await writeFile(at(path), text)
  }
}
const options = (digest: string, beforeItStands = async () => {}) => ({ digest, nowMs: Date.now(), beforeItStands })

test('a folder is copied whole, links and folders and all but hidden files, and stands under its name at the end only', async () => {
  await write({ 'source/model.onnx': 'm', 'source/deep/a.json': '{}', 'source/.git/x': 'x', elsewhere: 'e' })
  await symlink(at('elsewhere'), at('source/linked'))
  const digest = await digestOfFolder(at('source'))
  const seen: string[][] = []
  const done = await copyRevision(
    at('source'),
    at('revisions/v2'),
    options(digest, async () => void seen.push(await readdir(at('revisions')))),
  )
  expect(done).toBe('copied')
  expect(seen[0]).toHaveLength(1)
  expect(seen[0]![0]).toMatch(/^\.v2\.copy-/)
  expect(await readdir(at('revisions'))).toEqual(['v2'])
  expect(await listFiles(at('revisions/v2'))).toEqual(['deep/a.json', 'linked', 'model.onnx'])
  expect(await readFile(at('revisions/v2/linked'), 'utf8')).toBe('e')
  await rm(at('elsewhere')) // It is a file of its own now.
  expect(await digestOfFolder(at('revisions/v2'))).toBe(digest)
})

test('a name that is taken is left as it is', async () => {
  await write({ 'source/model.onnx': 'new', 'revisions/v2/model.onnx': 'old' })
  expect(await copyRevision(at('source'), at('revisions/v2'), options(await digestOfFolder(at('source'))))).toBe('taken')
  expect(await readFile(at('revisions/v2/model.onnx'), 'utf8')).toBe('old')
  expect(await readdir(at('revisions'))).toEqual(['v2'])
})

test('of two at the same time one gets the name, and neither mixes with the other', async () => {
  await write({ 'a/model.onnx': 'a', 'b/model.onnx': 'b' })
  const [a, b] = await Promise.all(
    ['a', 'b'].map(async (name) => copyRevision(at(name), at('revisions/v2'), options(await digestOfFolder(at(name))))),
  )
  expect([a, b].sort()).toEqual(['copied', 'taken'])
  expect(await readFile(at('revisions/v2/model.onnx'), 'utf8')).toBe(a === 'copied' ? 'a' : 'b')
  expect(await readdir(at('revisions'))).toEqual(['v2'])
})

test.for([
  { why: 'a file that cannot be read', spoil: () => symlink(at('nowhere'), at('source/lost')), want: 'ENOENT' },
  { why: 'a source that is not what was proven', spoil: () => writeFile(at('source/model.onnx'), 'other'), want: 'was changed meanwhile' },
])('$why leaves nothing behind', async ({ spoil, want }) => {
  await write({ 'source/model.onnx': 'm' })
  const digest = await digestOfFolder(at('source'))
  await spoil()
  await expect(copyRevision(at('source'), at('revisions/v2'), options(digest))).rejects.toThrow(
    expect.objectContaining({ code: 'MW_DEPLOY_COPY_FAILED', message: expect.stringContaining(want) }),
  )
  expect(await readdir(at('revisions'))).toEqual([])
})

test('what fails just before the end leaves nothing behind either', async () => {
  await write({ 'source/model.onnx': 'm' })
  const refuse = async () => {
    throw new Error('the store is away')
  }
  await expect(copyRevision(at('source'), at('revisions/v2'), options(await digestOfFolder(at('source')), refuse))).rejects.toThrow(
    'the store is away',
  )
  expect(await readdir(at('revisions'))).toEqual([])
})

test('a file where the revisions must be is told', async () => {
  await write({ 'source/model.onnx': 'm', revisions: 'a file' })
  await expect(copyRevision(at('source'), at('revisions/v2'), options(await digestOfFolder(at('source'))))).rejects.toThrow(
    expect.objectContaining({ code: 'MW_DEPLOY_COPY_FAILED', message: expect.stringContaining('revisions is no folder') }),
  )
})

test('what a killed deployment left behind is swept away once it is old, and nothing else', async () => {
  await write({
    'source/model.onnx': 'm',
    'revisions/.v1.copy-0123abcd/model.onnx': 'half',
    'revisions/.v3.copy-0123abcd/model.onnx': 'another is at work',
    'revisions/.hidden/x': 'x',
  })
  const old = Date.now() / 1000 - 100_000
  await utimes(at('revisions/.v1.copy-0123abcd'), old, old)
  await utimes(at('revisions/.hidden'), old, old)
  await copyRevision(at('source'), at('revisions/v2'), options(await digestOfFolder(at('source'))))
  expect((await readdir(at('revisions'))).sort()).toEqual(['.hidden', '.v3.copy-0123abcd', 'v2'])
})
