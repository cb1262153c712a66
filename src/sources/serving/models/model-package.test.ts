import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runtimes } from '../runtimes/index.ts'
import { digestOf } from './digest.ts'
import { listModelDirs, newestRevision } from './model-folder.ts'
import { readModelPackage as readPackage } from './model-package.ts'

const weather = join(import.meta.dirname, '../../../../examples/weather/models/weather')
let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'package-'))
  await cp(weather, join(dir, 'weather'), { recursive: true })
})
afterEach(() => rm(dir, { recursive: true }))

const readModelPackage = (path: string) => readPackage(path, runtimes)
const at = (path: string) => join(dir, 'weather', path)
const change = async (path: string, from: string | RegExp, to: string) =>
  writeFile(at(path), (await readFile(at(path), 'utf8')).replace(from, to))

const folderAt = async (path: string) => {
  await rm(at(path))
  await mkdir(at(path))
}

test('a package is read whole', async () => {
  expect(await listModelDirs(dir)).toEqual([at('')].map((path) => path.replace(/\/$/, '')))
  const found = await readModelPackage(at(''))
  expect(found).toMatchObject({ revision: 'v1', info: { trained_at: '2016-01-01T00:00:00Z' }, reference: { model: 'weather', rows: 1095 } })
})

test('the newest revision is the last in natural order', async () => {
  await cp(at('revisions/v1'), at('revisions/v10'), { recursive: true })
  await cp(at('revisions/v1'), at('revisions/v9'), { recursive: true })
  expect((await readModelPackage(at(''))).revision).toBe('v10')
})

test('models and revisions may be links, as in a mounted volume; what begins with a dot is left alone', async () => {
  // As Kubernetes lays out a volume: the real files in a dated folder, `..data` points to it, and all else is links by way of `..data`.
  await mkdir(join(dir, '..2026'))
  await rename(at(''), join(dir, '..2026/weather'))
  await symlink('..2026', join(dir, '..data'))
  await symlink('..data/weather', at(''))
  expect(await listModelDirs(dir)).toEqual([join(dir, 'weather')])
  expect(await readModelPackage(at(''))).toMatchObject({ revision: 'v1', reference: { rows: 1095 } })
  await symlink('v1', at('revisions/v2'))
  await symlink('nowhere', at('revisions/v3'))
  await mkdir(at('revisions/.v4'))
  await writeFile(at('revisions/v5'), '')
  await symlink('v5', at('revisions/v6'))
  expect(await newestRevision(at(''))).toBe('v2')
})

test('a digest is that of all bytes', async () => {
  const bytes = Buffer.alloc(300_000, 'abc')
  await writeFile(at('large'), bytes)
  expect(await digestOf(at('large'))).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
  await writeFile(at('empty'), '')
  expect(await digestOf(at('empty'))).toBe('sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
})

test('without reference and revision.yaml it is a package too', async () => {
  await rm(at('revisions/v1/reference.json'))
  await rm(at('revisions/v1/revision.yaml'))
  expect(await readModelPackage(at(''))).toMatchObject({ reference: undefined, info: {} })
})

test.for([
  { why: 'no model.yaml', break: () => rm(at('model.yaml')), code: 'MW_MODEL_PACKAGE', want: 'it has no model.yaml' },
  { why: 'no revision', break: () => rm(at('revisions'), { recursive: true }), code: 'MW_MODEL_PACKAGE', want: 'has no revision' },
  {
    why: 'an unknown key',
    break: () => change('model.yaml', 'outputs:', 'outputz:'),
    code: 'MW_CONFIG_INVALID',
    want: 'model.yaml:10:1: outputz: unknown key',
  },
  {
    why: 'a name twice',
    break: () => change('model.yaml', 'name: wind,', 'name: temp_min,'),
    code: 'MW_CONFIG_INVALID',
    want: 'temp_min is used twice',
  },
  {
    why: 'a range upside down',
    break: () => change('model.yaml', '[0, 500]', '[500, 0]'),
    code: 'MW_CONFIG_INVALID',
    want: 'model.yaml:4:',
  },
  {
    why: 'the reference of another model',
    break: () => change('revisions/v1/reference.json', '"weather"', '"climate"'),
    code: 'MW_CONFIG_INVALID',
    want: 'this is the reference of the model climate, not of weather',
  },
  {
    why: 'half a reference',
    break: async () => writeFile(at('revisions/v1/reference.json'), (await readFile(at('revisions/v1/reference.json'))).subarray(0, 700)),
    code: 'MW_CONFIG_INVALID',
    want: 'reference.json:',
  },
  {
    why: 'a reference from before a feature was added',
    break: () => change('model.yaml', 'outputs:', '  - { name: fog_hours, type: number }\noutputs:'),
    code: 'MW_CONFIG_INVALID',
    want: 'has no input fog_hours',
  },
  {
    why: 'a date that is none',
    break: () => change('revisions/v1/revision.yaml', '2016-01-01T00:00:00Z', 'yesterday'),
    code: 'MW_CONFIG_INVALID',
    want: 'revision.yaml:1:1: trained_at',
  },
  {
    why: 'a folder in place of reference.json',
    break: () => folderAt('revisions/v1/reference.json'),
    code: 'MW_MODEL_PACKAGE',
    want: 'reference.json cannot be read: it is a folder, and must be a file',
  },
  {
    why: 'a folder in place of model.yaml',
    break: () => folderAt('model.yaml'),
    code: 'MW_MODEL_PACKAGE',
    want: 'model.yaml cannot be read: it is a folder, and must be a file',
  },
  {
    why: 'a file in place of revisions',
    break: async () => {
      await rm(at('revisions'), { recursive: true })
      await writeFile(at('revisions'), '')
    },
    code: 'MW_MODEL_PACKAGE',
    want: 'revisions cannot be read: a file stands where a folder must',
  },
  {
    why: 'a file in place of the model',
    break: async () => {
      await rm(at(''), { recursive: true })
      await writeFile(join(dir, 'weather'), '')
    },
    code: 'MW_MODEL_PACKAGE',
    want: 'model.yaml cannot be read: a file stands where a folder must',
  },
  {
    why: 'links in a circle',
    break: () => symlink('v2', at('revisions/v2')),
    code: 'MW_MODEL_PACKAGE',
    want: 'revisions/v2 cannot be read: its links lead in a circle',
  },
])('$why is refused', async ({ break: breakIt, code, want }) => {
  await breakIt()
  await expect(readModelPackage(at(''))).rejects.toThrow(expect.objectContaining({ code, message: expect.stringContaining(want) }))
})
