import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { test } from 'vitest'
import { runCommand } from '../../support/command.ts'
import { broken, halve, inRevision, projectFor, testFaults } from './faults.ts'

// What `modelwatch up` says of a project that is broken.

testFaults([
  {
    why: 'modelwatch.yaml with an unknown key',
    spoil: broken('modelwatch.yaml', 'retention:', 'retentoin:'),
    code: 2,
    says: /^error modelwatch\.yaml:8:3: monitor\.retentoin: unknown key; known here: listen, config_file, storage, retention, retention_size$/,
    hint: /at the place named .*MW_CONFIG_INVALID/,
  },
  {
    why: 'prometheus.yml with an unknown key',
    spoil: broken('prometheus.yml', 'scrape_timeout', 'scrape_timeuot'),
    code: 2,
    says: /^error prometheus\.yml:4:3: global\.scrape_timeuot: unknown key; known here: .*scrape_timeout/,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'a rule file with broken PromQL',
    spoil: broken('rules/weather.yml', 'sum by (', 'sum bye ('),
    code: 2,
    says: /^error rules\/weather\.yml:10:9: groups\[0\]\.rules\[0\]\.expr: 1:5: parse error: unexpected identifier "bye"$/,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'a model.onnx that is text',
    spoil: ({ path }) => writeFileSync(path(inRevision('model.onnx')), 'not a model\n'),
    code: 2,
    says: /^error .*\/model\.onnx is not a readable ONNX model: /,
    hint: /Export the model again.*MW_MODEL_UNREADABLE/,
  },
  {
    why: 'a model.onnx that is half there',
    spoil: ({ path }) => halve(path(inRevision('model.onnx'))),
    code: 2,
    says: /^error .*\/model\.onnx is not a readable ONNX model: /,
    hint: /Export the model again.*MW_MODEL_UNREADABLE/,
  },
  {
    why: 'a model.yaml with a feature the model does not take',
    spoil: (project) => {
      for (const file of ['reference.json', 'golden.json']) rmSync(project.path(inRevision(file))) // They would be found out first.
      broken('models/weather/model.yaml', 'name: wind,', 'name: wind_speed,')(project)
    },
    code: 2,
    says: /^error .*\/model\.onnx takes the inputs .*wind.*; model\.yaml has the features .*wind_speed/,
    hint: /agree.*MW_MODEL_MISMATCH/,
  },
  {
    why: 'a model.yaml with a feature the reference lacks',
    spoil: broken('models/weather/model.yaml', 'name: wind,', 'name: wind_speed,'),
    code: 2,
    says: /^error .*\/reference\.json:\d+:\d+: values\[3\]\.name: the model weather has no input wind/,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'the reference.json of another model',
    spoil: broken(inRevision('reference.json'), '"weather"', '"climate"'),
    code: 2,
    says: /^error .*\/reference\.json:3:3: model: this is the reference of the model climate, not of weather/,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'half a reference.json',
    spoil: ({ path }) => halve(path(inRevision('reference.json'))),
    code: 2,
    says: /^error .*\/reference\.json:\d+:\d+: not valid /,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'no modelwatch.yaml',
    spoil: ({ path }) => rmSync(path('modelwatch.yaml')),
    code: 2,
    says: /^error modelwatch\.yaml cannot be read: there is no such file$/,
    hint: /Name the folder that holds the modelwatch\.yaml/,
  },
  {
    why: 'no prometheus.yml',
    spoil: ({ path }) => rmSync(path('prometheus.yml')),
    code: 2,
    says: /^error prometheus\.yml: cannot be read: /,
    hint: /MW_CONFIG_INVALID/,
  },
  {
    why: 'a replay of a file that is not there',
    spoil: ({ path }) => rmSync(path('data/seattle-held-out.csv')),
    code: 2,
    says: /^error .*seattle-held-out\.csv cannot be opened: there is no such file$/,
    hint: /MW_TABLE_UNREADABLE/,
  },
  {
    why: 'a folder in place of reference.json',
    spoil: ({ path }) => {
      rmSync(path(inRevision('reference.json')))
      mkdirSync(path(inRevision('reference.json')))
    },
    code: 2,
    says: /^error .*\/reference\.json cannot be read: it is a folder, and must be a file$/,
    hint: /MW_MODEL_PACKAGE/,
  },
])

test.concurrent('with --trace, the stack is shown', async (context) => {
  const { expect } = context
  const { dir } = await projectFor(context)
  for (const args of [
    ['up', 'nowhere', '--trace'],
    ['--trace', 'up', 'nowhere'],
  ]) {
    const { code, stderr } = await runCommand(args, { cwd: dir })
    expect(stderr).toMatch(/^error nowhere\/modelwatch\.yaml cannot be read: there is no such file\n/)
    expect(stderr).toMatch(/\n {4}at .*\ncaused by /s)
    expect(code).toBe(2)
  }
})
