import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'vitest'
import { root } from './source-files.ts'

/** What some tests want and a bare clone does not bring. */
export type Need = 'redis-server' | 'wrk' | 'prometheus' | 'promtool' | 'unshare' | 'python3' | '../shared'

/**
 * Finds what a test needs, or skips the test with a line that names it. With CI=true it fails in place of skipping: there everything is
 * installed, and a test that does not run proves nothing.
 *
 * @returns the path of the program, or of the folder `../shared`.
 * @throws when it is absent and CI=true.
 */
export function needs(context: TestContext, what: Need): string {
  const path = what === '../shared' ? existing(join(root, what)) : findProgram(what)
  if (path !== undefined) return path
  if (process.env.CI === 'true') throw new Error(`needs ${what}, which is not here; in CI nothing may be skipped`)
  console.log(`skipped: needs ${what} (${context.task.name})`)
  return context.skip(`needs ${what}`)
}

/** Whether it is there, for a set-up that several tests share; the tests themselves ask `needs`. */
export function findProgram(name: Exclude<Need, '../shared'>): string | undefined {
  // The folder that the peers are unpacked into comes first: its programs are the ones the tests were written against.
  const folders = [join(process.env.MODELWATCH_PEERS ?? '/tmp/peers', 'usr/bin'), ...(process.env.PATH ?? '').split(delimiter)]
  return folders.map((folder) => join(folder, name)).find(isProgram)
}

const existing = (path: string) => (existsSync(path) ? path : undefined)

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false // Absent, or not ours to run: the search goes on.
  }
}
