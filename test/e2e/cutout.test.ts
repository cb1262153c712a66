import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest'
import { endTree, isAlive, type Running, startCommand, startProgram } from '../support/command.ts'
import { needs } from '../support/needs.ts'
import { root } from '../support/source-files.ts'
import { until } from '../support/until.ts'
import { freePorts } from '../support/up.ts'

const START_MS_MAX = 60_000
const example = join(root, 'examples/cutout')
const dir = mkdtempSync(join(tmpdir(), 'modelwatch-cutout-'))
let url: string
let gateway: Running

/** The example in a folder of its own, with its packages as `npm install` would put them there. */
beforeAll(async () => {
  cpSync(example, dir, { recursive: true, filter: (source) => !['node_modules', 'tsdb', 'queue.db'].includes(basename(source)) })
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  const [port] = await freePorts(1)
  url = `http://127.0.0.1:${port}`
  gateway = startCommand(['serve', dir, '--listen', `127.0.0.1:${port}`])
  await until(
    'the gateway is ready',
    async () => {
      if (!isAlive(gateway.pid)) throw new Error(`it ended: ${gateway.stdout()}${gateway.stderr()}`)
      return (await fetch(`${url}/health/ready`)).ok
    },
    START_MS_MAX,
  )
}, START_MS_MAX + 5000)

afterAll(() => {
  if (gateway !== undefined && isAlive(gateway.pid)) endTree(gateway.pid)
  rmSync(dir, { recursive: true, force: true })
})

const startClient = (images: readonly string[], out: string, to = url) =>
  startProgram(process.execPath, [join(dir, 'client.ts'), ...images, '--out', out, '--url', to])

const picturesOf = (context: TestContext) => {
  const folder = join(needs(context, '../shared'), 'data/images')
  return readdirSync(folder)
    .filter((file) => /\.(png|jpg)$/.test(file))
    .map((file) => join(folder, file))
}

const tasksIn = async (state: string) => {
  const { tasks } = (await (await fetch(`${url}/v1/models/cutout/tasks?state=${state}`)).json()) as { tasks: { task_id: string }[] }
  return tasks.length
}

test('each picture comes back without its background, as a PNG of its own size', async (context) => {
  const images = picturesOf(context)
  const out = join(dir, 'cut')
  const { code, stdout, stderr } = await startClient(images, out).ended
  expect({ code, stdout, stderr: stderr.split('\n').at(-2) }).toEqual({
    code: 0,
    stdout: `${images.length} of ${images.length} pictures written to ${out}\n`,
    stderr: `${images.length} of ${images.length}`,
  })
  for (const image of images) {
    const before = await sharp(image).metadata()
    const cut = join(out, basename(image).replace(/\.\w+$/, '.png'))
    expect(await sharp(cut).metadata()).toMatchObject({ format: 'png', channels: 4, width: before.width, height: before.height })
    const { channels } = await sharp(cut).stats()
    expect(channels[3]).toMatchObject({ min: 0, max: 255 })
  }
})

/** Draws a light box on noise. */
function draw(file: string, side = 200): Promise<unknown> {
  const noise = { type: 'gaussian', mean: 60, sigma: 25 } as const
  const box = { create: { width: side / 2, height: side / 2, channels: 3, background: '#ee8' } } as const
  return sharp({ create: { width: side, height: side, channels: 3, background: '#000', noise } })
    .composite([{ input: box }])
    .png()
    .toFile(file)
}

test('a picture that cannot be cut fails alone, in a sentence', async () => {
  mkdirSync(join(dir, 'mixed/other'), { recursive: true })
  const path = (name: string) => join(dir, 'mixed', name)
  await Promise.all([draw(path('box.png')), draw(path('other/box.png'))])
  writeFileSync(path('cut-off.png'), readFileSync(path('box.png')).subarray(0, 4000))
  writeFileSync(path('notes.txt'), 'no picture at all')
  const images = [path('box.png'), path('cut-off.png'), path('other/box.png'), path('notes.txt'), path('absent.png')]
  const { code, stdout, stderr } = await startClient(images, path('out')).ended
  expect(stdout).toBe(`2 of 5 pictures written to ${path('out')}\n`)
  expect(code).toBe(1)
  expect(stderr).toMatch(/cut-off\.png was not cut: .*the picture cannot be decoded: \S/)
  expect(stderr).toMatch(/notes\.txt was not cut: picture must be a picture \(PNG/)
  expect(stderr).toMatch(/absent\.png was not cut: ENOENT: no such file/)
  expect(readdirSync(path('out')).sort()).toEqual(['box-2.png', 'box.png'])
})

test('a picture in JSON, as base64, is answered with numbers that can be watched', async () => {
  await draw(join(dir, 'one.png'))
  const body = JSON.stringify({ picture: readFileSync(join(dir, 'one.png')).toString('base64') })
  const headers = { 'content-type': 'application/json' }
  const submitted = await fetch(`${url}/v1/models/cutout/tasks`, { method: 'POST', body, headers })
  expect(submitted.status).toBe(202)
  const { href } = (await submitted.json()) as { href: string }
  const task = (await (await fetch(`${url}${href}?wait=30s`)).json()) as {
    state: string
    predictions: { outputs: { foreground_ratio: number; width: number; height: number } }[]
  }
  expect(task.state).toBe('done')
  const [prediction] = task.predictions
  expect(prediction!.outputs).toMatchObject({ width: 200, height: 200 })
  expect(prediction!.outputs.foreground_ratio).toBeCloseTo(0.25, 1) // The box is a quarter of it.
})

test('Ctrl-C cancels what is not done', async () => {
  const images = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => {
      const file = join(dir, `large-${i}.png`)
      await draw(file, 1600)
      return file
    }),
  )
  const out = join(dir, 'stopped')
  const client = startClient(images, out)
  await until('a task is there to cancel', async () => (await tasksIn('waiting')) > 0)
  client.kill('SIGINT')
  const { code, stdout } = await client.ended
  expect(code).toBe(130)
  const [, written, cancelled] = /^(\d+) of 12 pictures written to .*, (\d+) cancelled\n$/.exec(stdout)!.map(Number)
  expect(written! + cancelled!).toBe(12)
  expect(await tasksIn('cancelled')).toBeGreaterThan(0)
  await until('nothing is left to do', async () => (await tasksIn('waiting')) + (await tasksIn('active')) === 0)
  expect(readdirSync(out).length).toBe(written)
  for (const file of readdirSync(out)) expect(statSync(join(out, file)).size).toBeGreaterThan(0)
})

test('a gateway that is not there is told in a sentence, and wrong usage too', { timeout: 60_000 }, async () => {
  const [port] = await freePorts(1)
  const nobody = `http://127.0.0.1:${port}`
  await draw(join(dir, 'two.png'))
  const client = startClient([join(dir, 'two.png')], join(dir, 'never'), nobody)
  const { code, stderr } = await client.ended
  expect(code).toBe(1)
  expect(stderr).toContain(`two.png was not cut: ${nobody} cannot be reached: `)
  expect(await startClient([], join(dir, 'never')).ended).toMatchObject({ code: 2, stderr: expect.stringContaining('name at least one') })
})
