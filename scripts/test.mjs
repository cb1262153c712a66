// `npm test`: installs and builds what is missing, then types, lint, unit tests, and everything end to end.
import { ensureBuilt } from './lib/build.mjs'
import { ensureInstalled } from './lib/install.mjs'
import { conclude, runChecks, runTests } from './lib/tests.mjs'

await ensureInstalled()
const failedChecks = await runChecks()
await ensureBuilt()
conclude([await runTests('unit'), await runTests('e2e')], failedChecks)
