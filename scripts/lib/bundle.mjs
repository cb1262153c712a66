import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './run.mjs'

/** Packages that stay outside: with files of their own that they look for beside their code. They are the package's `dependencies`. */
const outside = ['@fastify/swagger', '@fastify/swagger-ui', 'onnxruntime-node']

/** What is started by itself: the command, and the program of a thread that holds a model. */
const entries = { main: 'src/cli/main.ts', 'model-thread': 'src/sources/serving/runtimes/threads/main.ts' }

/**
 * Bundles the command and the libraries it needs into few files: without a thousand modules a process holds 16 MiB less, and starts sooner
 * (docs/decisions/0013). Names and lines stay as they are, so that a stack can be read.
 */
export async function bundleCommand(outDir) {
  const { build } = await import('vite')
  await build({
    configFile: false,
    root,
    logLevel: 'warn',
    publicDir: false,
    build: {
      ssr: true,
      target: 'node24',
      outDir,
      minify: false,
      rolldownOptions: {
        input: entries,
        output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name].js', comments: { legal: true, jsdoc: false } },
      },
    },
    ssr: { noExternal: true, external: outside },
    plugins: [{ name: 'licenses', generateBundle: emitLicenses }],
  })
}

/** Whoever passes the bundle on passes the licenses of what is in it on. */
function emitLicenses(_options, bundle) {
  const dirs = new Set()
  for (const { moduleIds = [] } of Object.values(bundle))
    for (const id of moduleIds) if (id.includes('/node_modules/')) dirs.add(packageDirOf(id))
  const texts = [...dirs].sort().map((dir) => {
    const { name, version, license } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
    const file = readdirSync(dir).find((entry) => /^licen[cs]e/i.test(entry))
    return `${name} ${version} (${license})\n\n${file === undefined ? '' : readFileSync(join(dir, file), 'utf8').trim()}\n`
  })
  this.emitFile({ type: 'asset', fileName: 'LICENSES.txt', source: texts.join(`\n${'-'.repeat(80)}\n\n`) })
}

/** The folder of the package a module belongs to: the nearest whose package.json has a version; packages put others without one beside their code. */
function packageDirOf(id) {
  let dir = dirname(id.replace(/^\0/, '').replace(/\?.*$/, ''))
  while (!existsSync(join(dir, 'package.json')) || JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')).version === undefined) {
    dir = dirname(dir)
  }
  return dir
}
