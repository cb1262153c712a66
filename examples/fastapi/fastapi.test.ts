import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, expect, type TestContext, test } from 'vitest'
import { profileModel } from '../../src/app/profile.ts'
import { parseConfig } from '../../src/core/config.ts'
import { createRandom } from '../../src/core/random.ts'
import { upstreamRuntime } from '../../src/sources/serving/runtimes/upstream/index.ts'
import { compileRowReader, parseModelSchema, toRuleFile } from '../../src/watch/index.ts'
import { needs } from '../../test/support/needs.ts'

const example = import.meta.dirname
const revision = 'models/wine/revisions/v1'
const schema = parseModelSchema(await readFile(join(example, 'models/wine/model.yaml'), 'utf8'), { file: 'model.yaml' })
/** The first wine of the set. */
const wine = {
  fixed_acidity: 7.4,
  volatile_acidity: 0.7,
  citric_acid: 0,
  residual_sugar: 1.9,
  chlorides: 0.076,
  free_sulfur_dioxide: 11,
  total_sulfur_dioxide: 34,
  density: 0.9978,
  ph: 3.51,
  sulphates: 0.56,
  alcohol: 9.4,
}

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** The example in a folder of its own, with its service on a free port. */
async function start(context: TestContext): Promise<{ dir: string; service: ChildProcess }> {
  const service = spawn(needs(context, 'python3'), [join(example, 'service.py'), '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  ends.push(() => stop(service))
  const [url] = (await once(createInterface({ input: service.stdout! }), 'line')) as [string]
  const dir = await mkdtemp(join(tmpdir(), 'fastapi-'))
  ends.push(() => rm(dir, { recursive: true }))
  await cp(join(example, 'models'), join(dir, 'models'), { recursive: true })
  const file = join(dir, revision, 'upstream.yaml')
  await writeFile(file, (await readFile(file, 'utf8')).replace('http://127.0.0.1:5001', url))
  return { dir, service }
}

async function load(dir: string) {
  const model = await upstreamRuntime.load(join(dir, revision, 'upstream.yaml'), schema, {
    settings: parseConfig(upstreamRuntime.settings, '', { file: 'revision.yaml' }).value,
    placement: 'inline',
    threads: 1,
    threadFile: new URL('../../src/sources/serving/runtimes/threads/main.ts', import.meta.url),
    onEvent() {},
  })
  ends.push(() => model.unload())
  return model
}

const toColumns = (rows: readonly unknown[]) => {
  const { columns, faultCount } = compileRowReader(schema)(rows)
  expect(faultCount).toBe(0)
  return columns
}

test('the service answers through the gateway’s runtime what it answers itself, and goes away with an error', async (context) => {
  const { dir, service } = await start(context)
  const model = await load(dir)
  const [quality] = await model.predict(toColumns([wine, { ...wine, alcohol: 10.4 }]))
  expect(quality![0]).toBeCloseTo(5.03280919, 8) // The weights of service.py, summed in another program.
  expect((quality![1] as number) - (quality![0] as number)).toBeCloseTo(0.276198, 8) // One per cent more alcohol: its weight.
  await stop(service)
  await expect(model.predict(toColumns([wine]))).rejects.toMatchObject({ code: 'MW_UPSTREAM_UNAVAILABLE', retryable: true })
})

test('its profile is made from rows and what it answers to them', async (context) => {
  const { dir } = await start(context)
  const random = createRandom(7)
  const names = Object.keys(wine) as (keyof typeof wine)[]
  const rows = Array.from({ length: 300 }, () => [...names.map((name) => (wine[name] * (0.8 + 0.4 * random())).toFixed(4)), 5])
  const dataFile = join(dir, 'red.csv')
  await writeFile(dataFile, [[...names, 'quality'], ...rows].map((row) => row.join(',')).join('\n'))
  const { reference } = await profileModel({
    modelDir: join(dir, 'models/wine'),
    revision: undefined,
    dataFile,
    out: undefined,
    binsMax: 10,
    skipInvalid: false,
  })
  expect(reference.rows).toBe(300)
  expect(reference.values.map(({ name }) => name)).toEqual([...names, 'quality'])
  expect(reference.baseline).toMatchObject([{ name: 'quality' }])
  expect(JSON.parse(await readFile(join(dir, revision, 'reference.json'), 'utf8'))).toMatchObject({ rows: 300 })
}, 30_000)

test('the rules are those of model.yaml', async () => {
  expect(await readFile(join(example, 'rules/wine.yml'), 'utf8')).toBe(toRuleFile(schema))
})
