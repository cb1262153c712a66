import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startProgram } from '../support/command.ts'
import { needs } from '../support/needs.ts'
import { root } from '../support/source-files.ts'

test.for([
  { file: 'rules/weather.yml', args: ['check', 'rules'], says: /SUCCESS: \d+ rules found/ },
  { file: 'prometheus.yml', args: ['check', 'config'], says: /SUCCESS: .*prometheus\.yml is valid prometheus config file/ },
])("promtool accepts the example's $file", async ({ file, args, says }, context) => {
  const promtool = needs(context, 'promtool')
  const { code, stdout, stderr } = await startProgram(promtool, [...args, join(root, 'examples/weather', file)]).ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(says)
})
