import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { dirname, join } from 'node:path'

/** Found by its package.json, for a bundle moves code into other folders. */
const packageFile = findPackageJSON(import.meta.url)!

/** The folder of the built web page. */
export const pageDir = join(dirname(packageFile), 'dist', 'ui')

export function readVersion(): string {
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version
}
