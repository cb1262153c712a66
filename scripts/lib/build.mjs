import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleCommand } from './bundle.mjs'
import { root, run, tool } from './run.mjs'

/** What is built, from what, and how. Each part is made anew only when one of its sources changed. */
const parts = [
  {
    name: 'command',
    sources: ['src', 'package.json', 'package-lock.json', 'scripts/lib/bundle.mjs'],
    out: 'dist/cli/main.js',
    build: async () => {
      // Aside, then in place: whoever runs from dist at this moment misses its files for no longer than a rename takes.
      const aside = join(root, 'dist', '.next')
      rmSync(aside, { recursive: true, force: true })
      await bundleCommand(aside)
      for (const entry of readdirSync(join(root, 'dist')))
        if (entry !== 'ui' && !entry.startsWith('.')) rmSync(join(root, 'dist', entry), { recursive: true })
      renameSync(aside, join(root, 'dist', 'cli'))
      return 0
    },
  },
  {
    name: 'page',
    sources: ['ui', 'package.json'],
    out: 'dist/ui/index.html',
    build: () => run(tool('vite'), ['build', '--logLevel', 'warn', '--config', 'ui/vite.config.ts', 'ui']),
  },
]

export async function ensureBuilt() {
  for (const part of parts) {
    const stampFile = join(root, 'dist', `.${part.name}-built`)
    const wanted = fingerprint(part.sources)
    if (existsSync(join(root, part.out)) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) continue
    console.log(`modelwatch: building the ${part.name} …`)
    const code = await part.build()
    if (code !== 0) {
      console.error(`modelwatch: building the ${part.name} failed; the messages above say where.`)
      process.exit(code)
    }
    mkdirSync(join(root, 'dist'), { recursive: true })
    writeFileSync(stampFile, wanted)
  }
}

/** Names, sizes and times of the sources: cheap to take, and another one after any edit or checkout. */
function fingerprint(sources) {
  const hash = createHash('sha256')
  const visit = (path) => {
    const stat = statSync(path)
    if (stat.isDirectory()) for (const entry of readdirSync(path).sort()) visit(join(path, entry))
    else hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\n`)
  }
  for (const source of sources) visit(join(root, source))
  return hash.digest('hex')
}
