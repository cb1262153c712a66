import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkDigest, digestOf } from './digest.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'digest-'))
})
afterEach(() => rm(dir, { recursive: true }))
const at = (path: string) => join(dir, path)

// FIPS 180-2, appendix B.1.
const abc = 'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'

test('a model file is held against its digest', async () => {
  await writeFile(at('model.onnx'), 'abc')
  expect(await digestOf(at('model.onnx'))).toBe(abc)
  expect(await checkDigest(at('model.onnx'), undefined)).toBe(abc)
  expect(await checkDigest(at('model.onnx'), abc)).toBe(abc)
  await writeFile(at('model.onnx'), 'abd')
  await expect(checkDigest(at('model.onnx'), abc)).rejects.toThrow(
    expect.objectContaining({ code: 'MW_DIGEST_MISMATCH', message: expect.stringContaining(`its revision.yaml says ${abc}`) }),
  )
})
