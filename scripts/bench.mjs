// `npm run bench`: every benchmark of bench/, or those named: `npm run bench -- gateway`.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt } from './lib/build.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { root, runNode } from './lib/run.mjs'

await ensureInstalled()
await ensureBuilt()
const all = readdirSync(join(root, 'bench'))
  .filter((name) => name.endsWith('.bench.ts'))
  .map((name) => name.replace('.bench.ts', ''))
const wanted = process.argv.slice(2).length > 0 ? process.argv.slice(2) : all
for (const name of wanted) {
  if (!existsSync(join(root, 'bench', `${name}.bench.ts`))) {
    console.error(`no benchmark ${name}; there is ${all.join(', ')}`)
    process.exitCode = 2
    continue
  }
  const code = await runNode([join('bench', `${name}.bench.ts`)])
  if (code !== 0) process.exitCode = code
}
