import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { capture, root, run, tool } from './run.mjs'

/** Types, lint and form: each a program that ends with 0 or says what is wrong. */
export const checks = [
  { name: 'types of the command', program: 'tsc', args: ['-p', 'tsconfig.json'] },
  { name: 'types of the page', program: 'tsc', args: ['-p', 'ui/tsconfig.json'] },
  { name: "types of the page's tools", program: 'tsc', args: ['-p', 'ui/tsconfig.node.json'] },
  { name: 'lint and format', program: 'biome', args: ['check', '--error-on-warnings', '.'] },
]

/** Runs them beside each other; what each says is shown in one piece. @returns how many failed. */
export async function runChecks() {
  const codes = await Promise.all(
    checks.map(async ({ name, program, args }) => {
      const { code, output } = await capture(tool(program), args)
      console.log(`— ${name}\n${output}`.trimEnd())
      if (code !== 0) console.error(`  ${name}: failed`)
      return code
    }),
  )
  return codes.filter((code) => code !== 0).length
}

/** The runs of tests, and vitest's projects in each. */
const projectsOf = { unit: ['unit', 'crash'], e2e: ['e2e'] }

/** Runs one of them. @returns its counts. */
export async function runTests(name, args = []) {
  console.log(`— ${name} tests`)
  const file = join(root, 'test-results', `${name}.json`)
  mkdirSync(join(root, 'test-results'), { recursive: true })
  rmSync(file, { force: true })
  const code = await run(tool('vitest'), [
    'run',
    ...projectsOf[name].map((project) => `--project=${project}`),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
    ...args,
  ])
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numFailedTestSuites } = JSON.parse(readFileSync(file, 'utf8'))
    const broken = numFailedTests === 0 && code !== 0 ? Math.max(1, numFailedTestSuites) : 0 // A file that does not load has no tests to count.
    return { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests + numTodoTests }
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

/** The closing line of a run, and its exit code. In CI a skipped test is a failure: there everything it needs is there. */
export function conclude(results, failedChecks) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0)
  const [passed, skipped] = [sum('passed'), sum('skipped')]
  const failed = sum('failed') + failedChecks
  if (process.env.CI === 'true' && skipped > 0) console.error('In CI nothing may be skipped.')
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed > 0 || (process.env.CI === 'true' && skipped > 0) ? 1 : 0
}
