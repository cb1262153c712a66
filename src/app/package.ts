import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** Found by its package.json, for a bundle moves code into other folders. */
const packageFile = findPackageJSON(import.meta.url)!

/** The folder of the built web page. */
export const pageDir = join(dirname(packageFile), 'dist', 'ui')

const isBuilt = !import.meta.url.endsWith('.ts')

/** The program of a thread that holds a model: a file of its own, for a thread should not load the whole command. */
export const modelThreadFile = pathToFileURL(
  join(dirname(packageFile), isBuilt ? 'dist/cli/model-thread.js' : 'src/sources/serving/runtimes/threads/main.ts'),
)

export function readVersion(): string {
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version
}
