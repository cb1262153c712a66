import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseWeatherDays, readWeatherSource, toCsv, type WeatherDay } from './train/data.ts'
import { gainOf, measure, predictOnnx } from './train/evaluate.ts'
import { inputNames, outputName, weatherCategories } from './train/model.ts'

const home = import.meta.dirname
const outDir = mkdtempSync(join(tmpdir(), 'modelwatch-weather-'))
afterAll(() => rmSync(outDir, { recursive: true }))

let printed = ''
beforeAll(() => {
  const run = runTraining('--out', outDir)
  expect(run.stderr).toBe('')
  expect(run.status).toBe(0)
  printed = run.stdout
}, 60_000)

const written = [
  'data/seattle-training.csv',
  'data/seattle-held-out.csv',
  'data/new-york.csv',
  'models/weather/model.yaml',
  'models/weather/revisions/v1/model.onnx',
  'models/weather/revisions/v1/revision.yaml',
  'models/weather/revisions/v1/reference.json',
]
test.for(written)('training again gives the same %s', (path) => {
  expect(readFileSync(join(outDir, path)).equals(readFileSync(join(home, path))), `${path} differs: commit what train.ts writes`).toBe(true)
})

// Measured here from the committed files, not read from what the script says about itself.
test.for([
  { file: 'seattle-training', rows: 1095, rmse: [2.4, 2.7], gainMin: 0.05 },
  { file: 'seattle-held-out', rows: 365, rmse: [2.4, 2.7], gainMin: 0.05 },
  { file: 'new-york', rows: 1460, rmse: [3.3, 3.7], gainMin: 0 }, // Another climate: worse than at home is the point of the example.
] as const)('the committed model on $file', async ({ file, rows, rmse, gainMin }) => {
  const days = readDays(file)
  const figures = measure(days, await predictOnnx(readOnnx(), days))
  expect(figures.rows).toBe(rows)
  expect(figures.modelRmse).toBeGreaterThan(rmse[0])
  expect(figures.modelRmse).toBeLessThan(rmse[1])
  expect(gainOf(figures)).toBeGreaterThan(gainMin)
})

test('training and held-out days are all days of Seattle, each once, in date order', () => {
  const training = readDays('seattle-training')
  const heldOut = readDays('seattle-held-out')
  const all = [...training, ...heldOut].sort((a, b) => Date.parse(a.date) - Date.parse(b.date))
  expect(toCsv(all)).toBe(toCsv(parseWeatherDays(readWeatherSource(), 'Seattle')))
  for (const days of [training, heldOut]) expect(days.map((day) => day.date)).toEqual(days.map((day) => day.date).sort())
})

test('a category the model never saw is an error, not a prediction', async () => {
  const hail = { ...readDays('seattle-held-out')[0]!, weather: 'hail' }
  await expect(predictOnnx(readOnnx(), [hail])).rejects.toThrow(/unknown category/i)
})

test('one row and many rows give the same prediction', async () => {
  const days = readDays('seattle-held-out').slice(0, 3)
  const together = await predictOnnx(readOnnx(), days)
  for (const [i, day] of days.entries()) expect((await predictOnnx(readOnnx(), [day]))[0]).toBeCloseTo(together[i]!, 4)
})

test('model.yaml and the graph name the same values', () => {
  const schema = parse(readFileSync(join(home, 'models/weather/model.yaml'), 'utf8')) as {
    features: { name: string; categories?: string[] }[]
    outputs: { name: string }[]
  }
  expect(schema.features.map((feature) => feature.name)).toEqual(inputNames)
  expect(schema.features.find((feature) => feature.name === 'weather')?.categories).toEqual(weatherCategories)
  expect(schema.outputs.map((output) => output.name)).toEqual([outputName])
})

test('the README shows the figures that the script prints', () => {
  const table = printed.slice(0, printed.indexOf('\nridge regression'))
  expect(table).toContain('held out')
  expect(readFileSync(join(home, 'README.md'), 'utf8')).toContain(table)
})

test('an unknown option is wrong usage, and says how to call the script', () => {
  const run = runTraining('--output', outDir)
  expect(run.status).toBe(2)
  expect(run.stderr).toContain('Usage:')
})

function runTraining(...args: readonly string[]) {
  return spawnSync(process.execPath, [join(home, 'train.ts'), ...args], { encoding: 'utf8' })
}

function readOnnx(): Uint8Array {
  return readFileSync(join(home, 'models/weather/revisions/v1/model.onnx'))
}

function readDays(file: string): WeatherDay[] {
  const [header, ...lines] = readFileSync(join(home, `data/${file}.csv`), 'utf8')
    .trimEnd()
    .split('\n')
  const columns = header!.split(',')
  return lines.map((line) => {
    const fields = line.split(',').map((field, i) => [columns[i], ['date', 'weather'].includes(columns[i]!) ? field : Number(field)])
    return Object.fromEntries(fields) as WeatherDay
  })
}
