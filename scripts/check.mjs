// `npm run check`: types, lint, unit tests and the house's own rules. Words after `--` go to vitest.
import { ensureInstalled } from './lib/install.mjs'
import { conclude, runChecks, runTests } from './lib/tests.mjs'

await ensureInstalled()
const failedChecks = await runChecks()
conclude([await runTests('unit', process.argv.slice(2))], failedChecks)
