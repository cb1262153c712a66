import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectNode, root, run } from './run.mjs'

const lockFile = join(root, 'package-lock.json')
const stampFile = join(root, 'node_modules', '.modelwatch-installed')

/** Installs what the lockfile says, when it is not there or the lockfile is another by now. */
export async function ensureInstalled() {
  const wanted = createHash('sha256').update(readFileSync(lockFile)).digest('hex')
  if (existsSync(projectNode) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === wanted) return
  console.log('modelwatch: installing what package-lock.json names (some 800 MB with the development tools; about 20 s, once) …')
  const npm = process.env.npm_execpath
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error']
  // The runtime's own install step fetches GPU libraries from outside the registry; the CPU library is in the package already.
  const options = { env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' } }
  const code = npm === undefined ? await run('npm', args, options) : await run(process.execPath, [npm, ...args], options)
  if (code !== 0) {
    console.error('modelwatch: "npm ci" failed; its message above says why. Mend that and start again.')
    process.exit(code)
  }
  writeFileSync(stampFile, wanted)
}
