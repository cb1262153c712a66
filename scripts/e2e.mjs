// `npm run e2e`: the built command, real servers and a real browser. Words after `--` go to vitest.
import { ensureBuilt } from './lib/build.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { conclude, runTests } from './lib/tests.mjs'

await ensureInstalled()
await ensureBuilt()
conclude([await runTests('e2e', process.argv.slice(2))], 0)
