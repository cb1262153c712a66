import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { proofErrors } from './proof-errors.ts'

/** The digest of a file's bytes, `sha256:` and 64 hexadecimal digits. The file is streamed. */
export async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return `sha256:${hash.digest('hex')}`
}

/**
 * Holds a model file against the digest that revision.yaml gives it.
 * @param expected - Undefined: any file will do.
 * @returns the file's digest.
 * @throws MW_DIGEST_MISMATCH.
 */
export async function checkDigest(modelPath: string, expected: string | undefined): Promise<string> {
  const digest = await digestOf(modelPath)
  if (expected !== undefined && digest !== expected)
    throw proofErrors.MW_DIGEST_MISMATCH(`${modelPath} is ${digest}; its revision.yaml says ${expected}`)
  return digest
}
