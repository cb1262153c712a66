import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { definitions, testContext } from '../testing.ts'
import { typescriptRuntime } from './index.ts'

vi.setConfig({ testTimeout: 60_000 })

let dir = ''
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'predictor-'))
})
afterAll(() => rm(dir, { recursive: true }))

let folders = 0
async function load(files: Readonly<Record<string, string>>, settings: Readonly<Record<string, unknown>> = {}, folder = `m${folders++}`) {
  for (const [name, text] of Object.entries(files)) {
    const path = join(dir, folder, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
  const context = testContext(typescriptRuntime, { settings })
  return typescriptRuntime.load(join(dir, folder, Object.keys(files)[0]!), definitions.sum.schema, context)
}
const row = { rows: 1, values: [Float64Array.of(2), Float64Array.of(3)] }

test.for<{ why: string; files: Readonly<Record<string, string>>; want: RegExp; hint?: RegExp }>([
  {
    why: 'broken TypeScript',
    files: { 'predictor.ts': 'const a: number = 1\nexport default { predict( { }\n' },
    want: /SyntaxError: .*, at .*predictor\.ts:2/,
    hint: /Correct the syntax/,
  },
  {
    why: 'broken JavaScript',
    files: { 'predictor.mjs': 'const a = 1\nexport default { predict( { }\n' },
    want: /SyntaxError: .*, at .*predictor\.mjs:2/,
  },
  {
    why: 'broken syntax in what it imports',
    files: { 'predictor.ts': "import './other.mjs'\nexport default { predict() {} }", 'other.mjs': '\n\nlet let = 1\n' },
    want: /at .*other\.mjs:3/,
  },
  {
    why: 'an enum',
    files: { 'predictor.ts': 'const q = 1\nenum A { x }\nexport default { predict() {} }' },
    want: /enum is not supported.*predictor\.ts:2/,
    hint: /no enum/,
  },
  {
    why: 'a package that is not installed',
    files: { 'predictor.ts': "import x from '@no/such/thing'\nexport default { predict: () => x }" },
    want: /Cannot find package '@no\/such' imported from/,
    hint: /npm install @no\/such /,
  },
  {
    why: 'a file that is not there',
    files: { 'predictor.ts': "import './nope.ts'\nexport default { predict() {} }" },
    want: /Cannot find module .*nope\.ts/,
  },
  {
    why: 'a name that is not exported',
    files: { 'predictor.ts': "\nimport { nope } from 'node:fs'\nexport default { predict: () => nope }" },
    want: /does not provide an export named 'nope', at .*predictor\.ts:2/,
  },
  {
    why: 'an error at the top',
    files: { 'predictor.ts': "\nthrow new TypeError('at the top')" },
    want: /TypeError: at the top, at .*predictor\.ts:2:7/,
  },
  {
    why: 'no default export',
    files: { 'predictor.ts': 'export const predict = () => ({})' },
    want: /must have a default export .*; it exports predict/,
    hint: /export default/,
  },
  { why: 'no predict', files: { 'predictor.ts': 'export default { load() {} }' }, want: /its default export has none/ },
  {
    why: 'a load that is no function',
    files: { 'predictor.ts': 'export default { load: 1, predict() {} }' },
    want: /load of its default export is no function/,
  },
])('refused when it is loaded: $why', async ({ files, want, hint }) => {
  await expect(load(files)).rejects.toMatchObject({
    code: 'MW_MODEL_UNREADABLE',
    message: expect.stringMatching(want) as string,
    ...(hint === undefined ? {} : { hint: expect.stringMatching(hint) as string }),
  })
})

test('a model that does not answer what model.yaml says is refused, unless nobody is to ask', async () => {
  const files = { 'predictor.js': "export default { predict: () => ({ total: ['text'] }) }" }
  await expect(load(files)).rejects.toMatchObject({
    code: 'MW_MODEL_MISMATCH',
    message: expect.stringMatching(/row 0: the output total must be a number/) as string,
    hint: expect.stringContaining('warm_up') as string,
  })
  const model = await load(files, { warm_up: false })
  await expect(model.predict(row)).rejects.toMatchObject({ code: 'MW_MODEL_ANSWER' })
  await model.unload()
})

test('a model may refuse its input, by the code of its error; made-up rows too', async () => {
  const model = await load({
    'predictor.ts': "export default { predict() { throw Object.assign(new Error('a is no picture'), { code: 'MW_INPUT_UNFIT' }) } }",
  })
  await expect(model.predict(row)).rejects.toMatchObject({ code: 'MW_INPUT_UNFIT', kind: 'invalid', message: 'a is no picture' })
  await model.unload()
})

test('it is told where it is, what it is, and by when it must answer', async () => {
  const code = `let seen
export default {
  load({ dir, revision, modelName, schema }) { seen = [dir, revision, modelName, schema.features.length].join(' ') },
  predict({ deadlineMs }) {
    const left = deadlineMs === undefined ? 'none' : deadlineMs - performance.now() > 0 && deadlineMs - performance.now() <= 60_000
    throw Object.assign(new Error(seen + ' ' + left), { code: 'MW_INPUT_UNFIT' })
  },
}`
  const model = await load({ 'predictor.mjs': code }, {}, 'rev-7')
  await expect(model.predict(row)).rejects.toThrow(`${join(dir, 'rev-7')} rev-7 sum 2 none`)
  await expect(model.predict(row, { deadlineMs: performance.now() + 60_000 })).rejects.toThrow('rev-7 sum 2 true')
  await model.unload()
})

test('TypeScript below node_modules is run too, with what it imports', async () => {
  const model = await load(
    {
      'predictor.ts':
        "import { add } from './add.ts'\nexport default { predict: (b: any) => ({ total: [add(b.columns.a[0], b.columns.b[0])] }) }",
      'add.ts': 'export const add = (a: number, b: number): number => a + b',
    },
    {},
    'node_modules/pack/revisions/r1',
  )
  expect(await model.predict(row)).toEqual([Float64Array.of(5)])
  await model.unload()
})
