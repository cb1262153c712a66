import assert from 'node:assert/strict'
import type { WeatherDay } from './data.ts'
import type { OnnxModel, OnnxNode } from './onnx-writer.ts'
import type { LinearModel } from './ridge.ts'

// The model is linear in columns that are made from one day's values. They are made twice: here in TypeScript, to train, and as a
// graph, to serve. Both list them in this order, and the training script holds the two against each other on every row.
//
//   today      temp_max, temp_min, wind, log(1 + precipitation)                     4
//   annual     sin and cos of the year's angle                                      2
//   biannual   sin and cos of twice that angle: autumn is not spring mirrored       2
//   seasonal   today × sin, today × cos: how much each counts, by season            8
//   sky        one column per category of weather                                   5

/** Categories of `weather`, in the order of their columns; the same as in `model.yaml`. */
export const weatherCategories = ['drizzle', 'fog', 'rain', 'snow', 'sun'] as const

/** Names of the model's inputs, in the order of `model.yaml`. */
export const inputNames = ['precipitation', 'temp_max', 'temp_min', 'wind', 'weather', 'day_of_year'] as const
export const outputName = 'temp_max_tomorrow'

const todayWidth = 4
const columnCount = todayWidth + 2 + 2 + 2 * todayWidth + weatherCategories.length
/** Angle of one day, the mean year (with its leap day) being a full turn. */
const radiansPerDay = (2 * Math.PI) / 365.25

/** The columns of one day, to train on; shape [21]. */
export function toColumns(day: WeatherDay): number[] {
  const angle = day.day_of_year * radiansPerDay
  const today = [day.temp_max, day.temp_min, day.wind, Math.log(1 + day.precipitation)]
  const sin = Math.sin(angle)
  const cos = Math.cos(angle)
  const sky = weatherCategories.map((category) => (category === day.weather ? 1 : 0))
  return [
    ...today,
    sin,
    cos,
    Math.sin(2 * angle),
    Math.cos(2 * angle),
    ...today.map((value) => value * sin),
    ...today.map((value) => value * cos),
    ...sky,
  ]
}

/**
 * The trained model with everything it needs inside: raw values in, °C out.
 * Operator sets are of 2022 on purpose, so that any onnxruntime since 1.12 loads the file.
 *
 * An unknown category is an error of the run (`zeros: 0`), never a prediction without a sky.
 */
export function toOnnx(model: LinearModel): OnnxModel {
  assert.equal(model.weights.length, columnCount, 'toOnnx: one weight per column')
  const nodes: OnnxNode[] = [
    node('Add', ['precipitation', 'one'], 'precipitation_plus_one'),
    node('Log', ['precipitation_plus_one'], 'precipitation_log'),
    concat(['temp_max', 'temp_min', 'wind', 'precipitation_log'], 'today'),
    node('Mul', ['day_of_year', 'radians_per_day'], 'angle'),
    node('Sin', ['angle'], 'sin'),
    node('Cos', ['angle'], 'cos'),
    node('Add', ['angle', 'angle'], 'angle_twice'),
    node('Sin', ['angle_twice'], 'sin_twice'),
    node('Cos', ['angle_twice'], 'cos_twice'),
    node('Mul', ['today', 'sin'], 'today_by_sin'),
    node('Mul', ['today', 'cos'], 'today_by_cos'),
    {
      ...node('OneHotEncoder', ['weather'], 'sky_nested'),
      domain: 'ai.onnx.ml',
      attributes: { cats_strings: weatherCategories, zeros: 0 },
    },
    node('Squeeze', ['sky_nested', 'axis_one'], 'sky'), // [N, 1, 5] to [N, 5].
    concat(['today', 'sin', 'cos', 'sin_twice', 'cos_twice', 'today_by_sin', 'today_by_cos', 'sky'], 'columns'),
    node('MatMul', ['columns', 'weights'], 'weighted'),
    node('Add', ['weighted', 'intercept'], outputName),
  ]
  return {
    irVersion: 8,
    opsets: { '': 17, 'ai.onnx.ml': 3 },
    producer: 'modelwatch example: weather',
    description: "Tomorrow's highest temperature (°C) from today's weather: ridge regression.",
    graph: {
      name: 'weather',
      inputs: inputNames.map((name) => ({ name, type: name === 'weather' ? 'string' : 'float', shape: ['rows', 1] })),
      outputs: [{ name: outputName, type: 'float', shape: ['rows', 1] }],
      nodes,
      constants: [
        { name: 'one', type: 'float', shape: [1], values: [1] },
        { name: 'radians_per_day', type: 'float', shape: [1], values: [radiansPerDay] },
        { name: 'axis_one', type: 'int64', shape: [1], values: [1] },
        { name: 'weights', type: 'float', shape: [columnCount, 1], values: model.weights },
        { name: 'intercept', type: 'float', shape: [1], values: [model.intercept] },
      ],
    },
  }
}

function node(op: string, inputs: readonly string[], output: string): OnnxNode {
  return { op, inputs, outputs: [output] }
}

function concat(inputs: readonly string[], output: string): OnnxNode {
  return { ...node('Concat', inputs, output), attributes: { axis: 1 } }
}
