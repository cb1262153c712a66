import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listModelDirs, readModelPackage } from './model-package.ts'

const weather = join(import.meta.dirname, '../../../examples/weather/models/weather')
let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'package-'))
  await cp(weather, join(dir, 'weather'), { recursive: true })
})
afterEach(() => rm(dir, { recursive: true }))

const at = (path: string) => join(dir, 'weather', path)
const change = async (path: string, from: string | RegExp, to: string) =>
  writeFile(at(path), (await readFile(at(path), 'utf8')).replace(from, to))

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
])('$why is refused', async ({ break: breakIt, code, want }) => {
  await breakIt()
  await expect(readModelPackage(at(''))).rejects.toThrow(expect.objectContaining({ code, message: expect.stringContaining(want) }))
})
