import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { modelThreadFile } from '../../src/app/package.ts'
import { readModelPackage } from '../../src/sources/serving/models/index.ts'
import { runtimes } from '../../src/sources/serving/runtimes/index.ts'
import { compileRowReader } from '../../src/watch/index.ts'
import { root } from '../support/source-files.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const documents = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'src/**/*.md', 'ui/**/*.md'], {
  cwd: root,
  exclude: (path) => path.includes('node_modules'),
})

test.for(documents)('%s links to what is there', (path) => {
  const links = [...read(path).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, target]) => target!)
  expect(links.filter((target) => !existsSync(join(root, dirname(path), target)))).toEqual([])
})

test('the prediction in the README is what the model answers', async () => {
  const readme = read('README.md')
  const row: unknown = JSON.parse(/predict' |predict -H[^\n]*\n\s*(\{.*?\})'/.exec(readme)![1]!)
  const printed = JSON.parse(/^\{"model":"weather".*$/m.exec(readme)![0]) as { outputs: { temp_max_tomorrow: number } }
  const { schema, modelPath, settings } = await readModelPackage(join(root, 'examples/weather/models/weather'), runtimes)
  const model = await runtimes[0]!.load(modelPath, schema, {
    settings,
    placement: 'inline',
    threads: 1,
    threadFile: modelThreadFile,
    onEvent() {},
  })
  const { columns, faultCount } = compileRowReader(schema)([row])
  expect(faultCount).toBe(0)
  expect((await model.predict(columns))[0]![0]).toBeCloseTo(printed.outputs.temp_max_tomorrow, 5)
})

test('every command and option that the documents show exists', () => {
  const commands = globSync('src/cli/commands/*.ts', { cwd: root }).map(read).join('\n')
  const shown = documents.flatMap((path) =>
    [...read(path).matchAll(/(?:`|npx )modelwatch ([a-z]+)([^\n#|`]*)/g)].map(([, command, rest]) => ({
      path,
      command: command!,
      rest: rest!,
    })),
  )
  expect(shown.length).toBeGreaterThan(3)
  for (const { path, command, rest } of shown) {
    if (command === 'help') continue
    expect(commands, `${path}: modelwatch ${command}`).toContain(`command('${command}')`)
    for (const [option] of rest.matchAll(/--[a-z][a-z.-]*/g)) expect(commands, `${path}: ${command} ${option}`).toContain(option)
  }
})
