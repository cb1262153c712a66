import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root, run, tool } from './run.mjs'

/** Types, lint and form: each a program that ends with 0 or says what is wrong. */
export const checks = [
  { name: 'types of the command', program: 'tsc', args: ['-p', 'tsconfig.json'] },
  { name: 'types of the page', program: 'tsc', args: ['-p', 'ui/tsconfig.json'] },
  { name: "types of the page's tools", program: 'tsc', args: ['-p', 'ui/tsconfig.node.json'] },
  { name: 'lint and format', program: 'biome', args: ['check', '--error-on-warnings', '.'] },
]

/** @returns how many checks failed. */
export async function runChecks() {
  let failed = 0
  for (const { name, program, args } of checks) {
    console.log(`— ${name}`)
    if ((await run(tool(program), args)) !== 0) {
      console.error(`  ${name}: failed`)
      failed++
    }
  }
  return failed
}

/** Runs one of vitest's projects. @returns its counts. */
export async function runTests(project, args = []) {
  console.log(`— ${project} tests`)
  const file = join(root, 'test-results', `${project}.json`)
  mkdirSync(join(root, 'test-results'), { recursive: true })
  rmSync(file, { force: true })
  const code = await run(tool('vitest'), [
    'run',
    '--project',
    project,
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
