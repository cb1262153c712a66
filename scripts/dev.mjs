// `npm run dev`: the example from its TypeScript sources, started anew at each change; the page is rebuilt as it is edited.
import { spawn } from 'node:child_process'
import { ensureBuilt } from './lib/build.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { projectEnv, root, runNode, tool } from './lib/run.mjs'

await ensureInstalled()
await ensureBuilt()
const page = spawn(tool('vite'), ['build', '--watch', '--logLevel', 'warn', '--config', 'ui/vite.config.ts', 'ui'], {
  cwd: root,
  env: projectEnv(),
  stdio: 'inherit',
})
const given = process.argv.slice(2)
process.exitCode = await runNode([
  '--watch',
  '--watch-path=src',
  '--watch-path=examples',
  'src/cli/main.ts',
  ...(given.length > 0 ? given : ['up', 'examples/weather']),
])
page.kill()
