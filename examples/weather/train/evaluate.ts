import assert from 'node:assert/strict'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { WeatherDay } from './data.ts'
import { inputNames, outputName } from './model.ts'

/** Root mean squared errors, °C, over one set of days. */
export interface Figures {
  readonly rows: number
  /** Of "tomorrow will be as warm as today". */
  readonly persistenceRmse: number
  readonly modelRmse: number
}

/**
 * Predictions of the weather model in the ONNX format, in the order of the days.
 *
 * @returns °C, shape [days].
 * @throws if the bytes are no model that the runtime can load, or a category is unknown to the model.
 */
export async function predictOnnx(onnx: Uint8Array, days: readonly WeatherDay[]): Promise<number[]> {
  // Severity 4: what fails is thrown, so the runtime need not print it as well.
  const session = await InferenceSession.create(onnx, { intraOpNumThreads: 1, logSeverityLevel: 4 })
  try {
    const shape = [days.length, 1]
    const feeds = Object.fromEntries(
      inputNames.map((name) => [
        name,
        name === 'weather'
          ? new Tensor(
              'string',
              days.map((day) => day.weather),
              shape,
            )
          : new Tensor(
              'float32',
              days.map((day) => day[name]),
              shape,
            ),
      ]),
    )
    const outputs = await session.run(feeds, { logSeverityLevel: 4 })
    return Array.from(outputs[outputName]!.data as Float32Array)
  } finally {
    await session.release()
  }
}

/** Holds predictions against what came. `predicted` has one value per day, in the same order; no days give NaN. */
export function measure(days: readonly WeatherDay[], predicted: readonly number[]): Figures {
  assert.equal(predicted.length, days.length, 'measure: one prediction per day')
  const tomorrows = days.map((day) => day.temp_max_tomorrow)
  return {
    rows: days.length,
    persistenceRmse: rmse(
      days.map((day) => day.temp_max),
      tomorrows,
    ),
    modelRmse: rmse(predicted, tomorrows),
  }
}

/** Share of persistence's error that the model takes away; a ratio, negative when the model is the worse of the two. */
export function gainOf(figures: Figures): number {
  return 1 - figures.modelRmse / figures.persistenceRmse
}

/** The figures as a table of text, one line per set of days. */
export function formatFigures(figures: Readonly<Record<string, Figures>>): string {
  const cells = Object.entries(figures).map(([name, set]) => [
    name,
    String(set.rows),
    set.persistenceRmse.toFixed(2),
    set.modelRmse.toFixed(2),
    `${(gainOf(set) * 100).toFixed(1)} %`,
  ])
  const table = [['RMSE in °C', 'rows', 'persistence', 'model', 'gain'], ...cells]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  return table
    .map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '))
    .join('\n')
}

function rmse(predicted: readonly number[], actual: readonly number[]): number {
  return Math.sqrt(predicted.reduce((total, value, i) => total + (value - actual[i]!) ** 2, 0) / predicted.length)
}
