import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A virtual environment: its programs stand in `bin`. */
export interface PythonEnvironment {
  readonly bin: string
  readonly python: string
}

/** Where environments are kept between runs; whoever wants them gone deletes the folder. */
export const environmentsDir = join(tmpdir(), 'modelwatch-peers-python')

/**
 * Makes a virtual environment with these packages, from wherever pip takes its packages on this machine. One that was made before is used again; one whose
 * making was broken off is made anew.
 * @param packages - With their versions: `name==1.2.3`.
 * @throws when there is no python3 with venv, or pip fails; the message holds the end of what it said.
 */
export async function ensureEnvironment(name: string, packages: readonly string[]): Promise<PythonEnvironment> {
  const hash = createHash('sha256').update(packages.join('\n')).digest('hex').slice(0, 12)
  const dir = join(environmentsDir, `${name}-${hash}`)
  const done = join(dir, '.complete')
  const environment = { bin: join(dir, 'bin'), python: join(dir, 'bin/python') }
  if (existsSync(done)) return environment
  console.log(`making a Python environment with ${packages.join(', ')} …`)
  await rm(dir, { recursive: true, force: true })
  await mkdir(environmentsDir, { recursive: true })
  try {
    await run('python3', ['-m', 'venv', dir])
    await run(environment.python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...packages])
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string }
    throw new Error(`no Python environment with ${packages.join(', ')}: ${(stderr || message).trim().split('\n').slice(-3).join(' ')}`)
  }
  await writeFile(done, `${packages.join('\n')}\n`)
  return environment
}

/** Runs a script to its end. @throws with the end of what it printed when it fails. */
export function runPython({ python }: Pick<PythonEnvironment, 'python'>, args: readonly string[]): void {
  const env = { ...process.env, PYTHONWARNINGS: 'ignore', PYTHONDONTWRITEBYTECODE: '1' }
  const { status, stdout, stderr, error } = spawnSync(python, args, { encoding: 'utf8', env, maxBuffer: 2 ** 26 })
  if (status === 0) return
  const lines = `${stdout}\n${stderr}`.trim().split('\n')
  // An exception's own line may be followed by pages of values.
  const why = lines.filter((line) => /^\w[\w.]*(Error|Exception|Fail)\b/.test(line)).slice(-3)
  throw new Error(`${args.join(' ')} failed: ${error?.message ?? (why.length > 0 ? why : lines.slice(-8)).join('\n').slice(0, 1000)}`)
}
