// `npm start`: the example, served and watched, from a bare clone. Further words go to the command: `npm start -- --help`.
import { ensureBuilt } from './lib/build.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { root, runNode } from './lib/run.mjs'

await ensureInstalled()
await ensureBuilt()
const given = process.argv.slice(2)
const args = given.length > 0 ? given : ['up', 'examples/weather']
const NODE_MAJOR_MIN = 24
if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) {
  // This is the project's Node already: the command runs in this very process.
  process.chdir(root)
  process.argv = [process.argv[0], 'bin/modelwatch.js', ...args]
  await import('../bin/modelwatch.js')
} else {
  process.exitCode = await runNode(['bin/modelwatch.js', ...args])
}
