import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

export const root = join(import.meta.dirname, '../..')

/** A source file of the product, and what it imports of our own. Paths are relative to the repository. */
export interface SourceFile {
  readonly path: string
  readonly text: string
  /** Targets of relative imports and exports, type-only ones included. */
  readonly imports: readonly string[]
}

/** Every file of src/, tests included. */
export function readSourceFiles(): SourceFile[] {
  return globSync('src/**/*.ts', { cwd: root })
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8')
      const specifiers = [...text.matchAll(/\bfrom '(\.[^']+)'|\bimport\('(\.[^']+)'\)|^import '(\.[^']+)'/gm)].map(
        ([, a, b, c]) => a ?? b ?? c!,
      )
      return { path, text, imports: specifiers.map((specifier) => relative(root, join(root, dirname(path), specifier))) }
    })
}

export const isTest = (path: string) => path.endsWith('.test.ts') || path.endsWith('/testing.ts')
