import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { watchFolder } from './folder-watch.ts'

let dir = ''
let end = () => {}
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watch-'))
})
afterEach(async () => {
  end()
  await rm(dir, { recursive: true })
})

test.for([
  { why: 'a new file', change: () => writeFile(join(dir, 'new'), '') },
  { why: 'a file in a folder', change: () => writeFile(join(dir, 'folder/file'), 'other text') },
  { why: 'a file behind a link', change: () => writeFile(join(dir, 'elsewhere/.hidden/behind'), 'other text') },
  { why: 'a file that goes', change: () => rm(join(dir, 'folder/file')) },
])('$why is a change', async ({ change }) => {
  await mkdir(join(dir, 'folder'))
  await writeFile(join(dir, 'folder/file'), 'text')
  await mkdir(join(dir, 'elsewhere/.hidden'), { recursive: true })
  await writeFile(join(dir, 'elsewhere/.hidden/behind'), 'text')
  await symlink('elsewhere/.hidden', join(dir, 'link'))
  const told = { times: 0 }
  end = await watchFolder(dir, async () => void told.times++, 20)
  await change()
  await expect.poll(() => told.times).toBe(1)
})

test('links that lead back are not followed for ever', async () => {
  await mkdir(join(dir, 'folder'))
  for (const name of ['one', 'two', 'folder/three']) await symlink(dir, join(dir, name)) // Followed as far as the system lets one: 3⁴⁰ folders.
  const told = { times: 0 }
  end = await watchFolder(dir, async () => void told.times++, 20)
  await writeFile(join(dir, 'folder/file'), 'text')
  await expect.poll(() => told.times).toBe(1)
})
