// Trains the weather model: `node examples/weather/train.ts [--out DIR]`. Without --out it writes beside this file.
//
//   vega-datasets ─▶ data/seattle-training.csv ─▶ ridge regression ─▶ model.onnx ─▶ figures, measured with model.onnx itself ─▶ gate ─▶ reference.json
//                 ├▶ data/seattle-held-out.csv ────────────────────────────────────────▲
//                 └▶ data/new-york.csv ────────────────────────────────────────────────┘
//
// The same data gives the same bytes. Nothing is written unless the model passes its gate.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { profileModel } from '../../src/app/profile.ts'
import { parseWeatherDays, readWeatherSource, splitDays, toCsv, type WeatherDay } from './train/data.ts'
import { type Figures, formatFigures, gainOf, measure, predictOnnx } from './train/evaluate.ts'
import { toColumns, toOnnx } from './train/model.ts'
import { encodeOnnx } from './train/onnx-writer.ts'
import { choosePenalty, fitRidge, type LinearModel, predictLinear } from './train/ridge.ts'

const trainingShare = 0.75
const seed = 42
const penalties = [1, 3, 10, 30, 100]
const folds = 10
/** Share of persistence's error that the model must take away on held-out days. */
const gainMin = 0.05
/** The graph computes in 32 bits, the trainer in 64: their predictions may differ by this much, °C. */
const graphDifferenceMax = 1e-3
/** The data ends on 2015-12-31; the clock of this machine has no say in the files. */
const trainedAt = '2016-01-01T00:00:00Z'

const home = import.meta.dirname

/** A revision as it lies on disk. */
interface TrainedRevision {
  /** The model package: holds `model.yaml`. */
  readonly modelDir: string
  /** Holds `model.onnx` and `revision.yaml`. */
  readonly revisionDir: string
  readonly trainingCsvPath: string
}

process.exitCode = await main()

/** @returns The exit code: 0 done, 2 wrong usage, 3 the model is not good enough. */
async function main(): Promise<number> {
  const outDir = readOutDir()
  if (outDir === undefined) return 2

  const source = readWeatherSource()
  const seattle = splitDays(parseWeatherDays(source, 'Seattle'), { share: trainingShare, seed })
  const sets = { training: seattle.training, 'held out': seattle.heldOut, 'New York': parseWeatherDays(source, 'New York') }

  const { model, penalty } = train(sets.training)
  const onnx = encodeOnnx(toOnnx(model))
  const figures = await evaluate(onnx, model, sets)
  console.log(formatFigures(figures))
  console.log(`ridge regression, penalty ${penalty} by ${folds}-fold cross-validation on the training days`)

  const gain = gainOf(figures['held out']!)
  if (!(gain >= gainMin)) {
    console.error(
      `The model takes ${(gain * 100).toFixed(1)} % off persistence's error on held-out days, less than ${gainMin * 100} %: not written.`,
    )
    return 3
  }
  const revision = write(outDir, onnx, penalty, sets)
  await profile(revision)
  console.log(`written: ${revision.revisionDir}`)
  return 0
}

function readOutDir(): string | undefined {
  try {
    return resolve(parseArgs({ options: { out: { type: 'string', default: home } } }).values.out)
  } catch (error) {
    console.error(`${(error as Error).message}\nUsage: node examples/weather/train.ts [--out DIR]`)
    return undefined
  }
}

/** The penalty is chosen on training days alone: held-out days have no part in the model. */
function train(days: readonly WeatherDay[]): { model: LinearModel; penalty: number } {
  const x = days.map(toColumns)
  const y = days.map((day) => day.temp_max_tomorrow)
  const penalty = choosePenalty(x, y, { penalties, folds })
  return { model: fitRidge(x, y, penalty), penalty }
}

/** Measures the graph, which is what serves; it must say what the trained model says, on every day there is. */
async function evaluate(onnx: Uint8Array, model: LinearModel, sets: Readonly<Record<string, readonly WeatherDay[]>>) {
  const figures: Record<string, Figures> = {}
  for (const [name, days] of Object.entries(sets)) {
    const predicted = await predictOnnx(onnx, days)
    for (const [i, day] of days.entries()) {
      const difference = Math.abs(predicted[i]! - predictLinear(model, toColumns(day)))
      assert.ok(difference <= graphDifferenceMax, `${name}, ${day.date}: graph and trained model differ by ${difference} °C`)
    }
    figures[name] = measure(days, predicted)
  }
  return figures
}

function write(
  outDir: string,
  onnx: Uint8Array,
  penalty: number,
  sets: { training: readonly WeatherDay[]; 'held out': readonly WeatherDay[]; 'New York': readonly WeatherDay[] },
): TrainedRevision {
  const dataDir = join(outDir, 'data')
  const modelDir = join(outDir, 'models/weather')
  const revisionDir = join(modelDir, 'revisions/v1')
  const trainingCsvPath = join(dataDir, 'seattle-training.csv')
  mkdirSync(dataDir, { recursive: true })
  mkdirSync(revisionDir, { recursive: true })

  const trainingCsv = toCsv(sets.training)
  writeFileSync(trainingCsvPath, trainingCsv)
  writeFileSync(join(dataDir, 'seattle-held-out.csv'), toCsv(sets['held out']))
  writeFileSync(join(dataDir, 'new-york.csv'), toCsv(sets['New York']))

  // model.yaml is written by hand; elsewhere, a copy of it makes the package whole.
  if (outDir !== home) copyFileSync(join(home, 'models/weather/model.yaml'), join(modelDir, 'model.yaml'))
  writeFileSync(join(revisionDir, 'model.onnx'), onnx)
  writeFileSync(join(revisionDir, 'revision.yaml'), toRevisionYaml(trainingCsv, sets.training.length, penalty))
  return { modelDir, revisionDir, trainingCsvPath }
}

/** The same as `modelwatch profile` does: bins of the training days and of the predictions for them, into reference.json. */
async function profile({ modelDir, trainingCsvPath }: TrainedRevision): Promise<void> {
  await profileModel({ modelDir, revision: 'v1', dataFile: trainingCsvPath, out: undefined, binsMax: 10, skipInvalid: false })
}

function toRevisionYaml(trainingCsv: string, rows: number, penalty: number): string {
  return [
    `trained_at: ${trainedAt}`,
    'framework: ridge regression by normal equations, examples/weather/train.ts',
    `training_data: sha256:${createHash('sha256').update(trainingCsv).digest('hex')} # of seattle-training.csv`,
    `notes: ${rows} days of Seattle, 2012 to 2015, drawn at random with seed ${seed}; penalty ${penalty}.`,
    '',
  ].join('\n')
}
