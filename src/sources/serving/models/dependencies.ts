import { readFileSync } from 'node:fs'
import { findPackageJSON } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import satisfies from 'semver/functions/satisfies.js'
import validRange from 'semver/ranges/valid.js'
import { proofErrors } from './proof-errors.ts'

/** One dependency of a revision. */
export interface Dependency {
  readonly name: string
  /** As revision.yaml has it. */
  readonly wanted: string
  /** What runs here; undefined for a name that is not known here, such as that of a Python package: it is told, not checked. */
  readonly version: string | undefined
}

/**
 * Holds the `dependencies:` of a revision.yaml against what runs: `node` and `modelwatch`, and packages of npm that can be found from the revision's
 * folder or from modelwatch itself. A range is one of npm's, such as `>=24` or `^1.20`; pre-releases satisfy it by their number.
 *
 * @param wanted - Range by name; undefined or empty: nothing is asked.
 * @param modelwatch - Its version.
 * @returns every dependency, in the order of the file.
 * @throws MW_DEPENDENCY_MISMATCH naming each that does not hold.
 */
export function checkDependencies(
  wanted: Readonly<Record<string, string>> | undefined,
  { revisionDir, modelwatch }: { readonly revisionDir: string; readonly modelwatch: string },
): readonly Dependency[] {
  const own: Readonly<Record<string, string>> = { node: process.versions.node, modelwatch }
  const found = Object.entries(wanted ?? {}).map(([name, range]): Dependency => {
    const version = Object.hasOwn(own, name) ? own[name] : versionOf(name, revisionDir)
    return { name, wanted: range, version }
  })
  const faults = found.flatMap(({ name, wanted, version }) => {
    if (version === undefined) return []
    if (validRange(wanted) === null) return [`${name}: ${JSON.stringify(wanted)} is no range of versions`]
    return satisfies(version, wanted, { includePrerelease: true }) ? [] : [`${name} ${version} runs here, and ${wanted} is asked for`]
  })
  if (faults.length > 0) throw proofErrors.MW_DEPENDENCY_MISMATCH(`${join(revisionDir, 'revision.yaml')}: ${faults.join('; ')}`)
  return found
}

/** What revision.yaml may call a package; anything else is a name of another world. */
const packageName = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/

function versionOf(name: string, revisionDir: string): string | undefined {
  if (!packageName.test(name)) return undefined
  for (const base of [pathToFileURL(join(revisionDir, 'revision.yaml')).href, import.meta.url]) {
    try {
      const file = findPackageJSON(name, base)
      const version: unknown = file === undefined ? undefined : JSON.parse(readFileSync(file, 'utf8')).version
      if (typeof version === 'string') return version
    } catch {
      // Not found from there; the next place is asked.
    }
  }
  return undefined
}
