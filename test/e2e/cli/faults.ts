import { readFileSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'vitest'
import { runCommand } from '../../support/command.ts'
import { createProject, type Project } from '../../support/up.ts'

/** The path of a file of the example's revision. */
export const inRevision = (name: string) => `models/weather/revisions/v1/${name}`

/** A project of its own for one test, gone with it. */
export async function projectFor({ onTestFinished }: TestContext): Promise<Project> {
  const project = await createProject()
  onTestFinished(project.remove)
  return project
}

/** What goes wrong, and how it is told: in a sentence, and what to do about it. */
export interface Fault {
  readonly why: string
  /** Breaks the project. */
  spoil?(project: Project): void
  /** What is run in the project's folder; `up` when left out. */
  readonly args?: readonly string[]
  readonly code: 1 | 2
  /** The sentence. */
  readonly says: RegExp
  readonly hint: RegExp
}

export const broken = (name: string, from: string | RegExp, to: string) => (project: Project) =>
  project.edit(name, (text) => text.replace(from, to))

export function halve(path: string): void {
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.subarray(0, bytes.length / 2))
}

/** Runs each in a project of its own. */
export function testFaults(faults: readonly Fault[]): void {
  test.concurrent.for(faults)('$why', async ({ spoil, args = ['up', '.'], code, says, hint }, context) => {
    const { expect } = context
    const project = await projectFor(context)
    spoil?.(project)
    const ended = await runCommand(args, { cwd: project.dir })
    const [sentence, ...rest] = ended.stderr.trimEnd().split('\n')
    expect(sentence).toMatch(says)
    expect(rest.join('\n')).toMatch(hint)
    expect(rest.length).toBeLessThanOrEqual(2)
    expect(ended.stderr).not.toContain('    at ')
    expect(ended.code).toBe(code)
  })
}
