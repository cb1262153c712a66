import { cpSync, readFileSync, rmSync } from 'node:fs'
import { test } from 'vitest'
import { runCommand } from '../../support/command.ts'
import { inRevision, projectFor } from './faults.ts'

test.concurrent('profile makes the reference that the example holds', async (context) => {
  const { expect } = context
  const { dir, path } = await projectFor(context)
  const args = ['profile', 'models/weather', '--data', 'data/seattle-training.csv', '--out', 'again.json']
  const { code, stdout } = await runCommand(args, { cwd: dir })
  expect(code).toBe(0)
  expect(stdout).toMatch(/wrote again\.json: 1095 rows of seattle-training\.csv\n$/)
  expect(readFileSync(path('again.json'), 'utf8')).toBe(readFileSync(path(inRevision('reference.json')), 'utf8'))
})

test.concurrent('export rules writes the rule file that the example holds', async (context) => {
  const { expect } = context
  const { dir, path } = await projectFor(context)
  cpSync(path('rules/weather.yml'), path('before.yml'))
  rmSync(path('rules/weather.yml'))
  const { code, stdout } = await runCommand(['export', 'rules'], { cwd: dir })
  expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^wrote .*weather\.yml\n$/) })
  expect(readFileSync(path('rules/weather.yml'), 'utf8')).toBe(readFileSync(path('before.yml'), 'utf8'))
})
