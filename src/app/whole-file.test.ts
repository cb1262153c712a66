import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { prepareFile, prepareFolder } from './whole-file.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'whole-file-'))
})
afterEach(() => rm(dir, { recursive: true }))
const at = (name: string) => join(dir, name)

test('a file is not touched until it is written, then it is replaced', async () => {
  await writeFile(at('a.json'), 'old')
  const file = await prepareFile(at('a.json'))
  expect(await readFile(at('a.json'), 'utf8')).toBe('old')
  await file.write('new')
  expect(await readFile(at('a.json'), 'utf8')).toBe('new')
  expect(await readdir(dir)).toEqual(['a.json'])
})

test('a file that is only prepared leaves nothing behind', async () => {
  await prepareFile(at('a.json'))
  expect(await readdir(dir)).toEqual([])
})

test('a link stays, and the file behind it is replaced', async () => {
  await mkdir(at('real'))
  await writeFile(at('real/a.json'), 'old')
  await symlink('real/a.json', at('link.json'))
  await (await prepareFile(at('link.json'))).write('new')
  expect(await readlink(at('link.json'))).toBe('real/a.json')
  expect(await readFile(at('real/a.json'), 'utf8')).toBe('new')
})

test.for([
  {
    why: 'a folder that is not there',
    path: 'nowhere/a.json',
    want: /nowhere\/a\.json cannot be written: the folder .*nowhere is not there$/,
  },
  { why: 'a folder of that name', path: 'folder', want: /folder is a folder$/ },
  { why: 'a file where a folder must be', path: 'file/a.json', want: /a file stands where a folder must$/ },
  { why: 'a device', path: 'device', want: /device is not a file$/ },
  { why: 'a file system that takes no files', path: 'proc/a.json', want: /proc\/a\.json cannot be written: / },
])('$why is refused, and nothing is left behind', async ({ path, want }) => {
  await mkdir(at('folder'))
  await writeFile(at('file'), '')
  await symlink('/dev/null', at('device'))
  await symlink('/proc', at('proc'))
  const before = await readdir(dir)
  await expect(prepareFile(at(path))).rejects.toThrow(
    expect.objectContaining({ code: 'MW_WRITE_FAILED', kind: 'config', message: expect.stringMatching(want) }),
  )
  expect(await readdir(dir)).toEqual(before)
})

test('what comes between preparing and writing is told, and nothing is left behind', async () => {
  const file = await prepareFile(at('a.json'))
  await mkdir(at('a.json'))
  await expect(file.write('new')).rejects.toThrow(expect.objectContaining({ code: 'MW_WRITE_FAILED' }))
  expect(await readdir(dir)).toEqual(['a.json'])
})

test('folders are made as needed; a file in the way is told', async () => {
  await prepareFolder(at('a/b'))
  await prepareFolder(at('a/b'))
  await writeFile(at('a/file'), '')
  for (const path of ['a/file', 'a/file/b'])
    await expect(prepareFolder(at(path))).rejects.toThrow(
      expect.objectContaining({ code: 'MW_WRITE_FAILED', message: expect.stringMatching(/a file stands where a folder must$/) }),
    )
})
