import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readModelwatchConfig } from './config.ts'

test('a modelwatch.yaml that cannot be read: the error says why', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'config-'))
  const reasonFor = (path: string) => readModelwatchConfig(path).catch((error: Error) => error.message.replace(dir, 'DIR'))
  try {
    expect(await reasonFor(join(dir, 'nowhere'))).toBe('DIR/nowhere/modelwatch.yaml cannot be read: there is no such file')
    await writeFile(join(dir, 'file'), '')
    expect(await reasonFor(join(dir, 'file'))).toBe('DIR/file/modelwatch.yaml cannot be read: a file stands where its folder must')
    await mkdir(join(dir, 'modelwatch.yaml'))
    expect(await reasonFor(dir)).toBe('DIR/modelwatch.yaml cannot be read: it is a folder')
  } finally {
    await rm(dir, { recursive: true })
  }
})
