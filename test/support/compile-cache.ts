import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './source-files.ts'

/** About ten times what one run of all tests writes: the modules that tests make in passing leave an entry each. */
const FILES_MAX = 30_000

/**
 * Where Node keeps what it has compiled, for the many processes and threads that tests start: each takes the sources without their types
 * from there, in half the time. Emptied when there are too many.
 * @returns its folder, for NODE_COMPILE_CACHE.
 */
export function compileCache(): string {
  const dir = join(root, 'node_modules/.cache/modelwatch-compile')
  mkdirSync(dir, { recursive: true })
  if (readdirSync(dir, { recursive: true }).length > FILES_MAX) rmSync(dir, { recursive: true, force: true })
  return dir
}
