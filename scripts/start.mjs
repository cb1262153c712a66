// `npm start`, on the project's own Node: the example, served and watched. Further words go to the command: `npm start -- --help`.
import { root } from './lib/run.mjs'

// A SIGTERM for npm ends npm and its shell, and does not come this far; without this the example would go on without them.
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
}, 500).unref()

const given = process.argv.slice(2)
process.chdir(root)
process.argv = [process.argv[0], 'bin/modelwatch.js', ...(given.length > 0 ? given : ['up', 'examples/weather'])]
await import('../bin/modelwatch.js') // In this very process: a second one would only hold memory.
