import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readModelSchema } from '../../src/sources/serving/models/index.ts'
import { runtimes } from '../../src/sources/serving/runtimes/index.ts'
import { testContext } from '../../src/sources/serving/runtimes/testing.ts'
import { needs } from '../../test/support/needs.ts'
import { encodeOnnx } from '../weather/train/onnx-writer.ts'
import { type BoostedTrees, toOnnx } from './hgb-to-onnx.ts'

const modelDir = join(import.meta.dirname, 'models/wine')

test("the tutorial's own model, converted to ONNX, predicts what it predicts there", async (context) => {
  const data = join(needs(context, '../shared'), 'data/wine-quality')
  const json = async (name: string) => JSON.parse(await readFile(join(data, name), 'utf8')) as never
  const trees: BoostedTrees = await json('model-hgb.json')
  const golden: { test_mse: number; first_20_rows: number[] } = await json('model-hgb.golden.json')
  const split: { test_row_indices_zero_based: number[] } = await json('split-seed1.json')
  const table = (await readFile(join(data, 'winequality-red.csv'), 'utf8')).trim().split('\n').slice(1)
  const rows = table.map((line) => line.split(',').map(Number))

  const dir = await mkdtemp(join(tmpdir(), 'wine-'))
  try {
    await writeFile(join(dir, 'model.onnx'), encodeOnnx(toOnnx(trees)))
    const schema = await readModelSchema(modelDir)
    expect(schema.features.map(({ name }) => name)).toEqual(trees.features)
    const onnx = runtimes.find(({ name }) => name === 'onnx')!
    const model = await onnx.load(join(dir, 'model.onnx'), schema, testContext(onnx))
    const columns = { rows: rows.length, values: trees.features.map((_, f) => Float64Array.from(rows, (row) => row[f]!)) }
    const [quality] = await model.predict(columns)
    await model.unload()
    for (const [i, want] of golden.first_20_rows.entries()) expect(quality![i]).toBeCloseTo(want, 5)
    const errors = split.test_row_indices_zero_based.map((i) => ((quality![i] as number) - rows[i]![11]!) ** 2)
    const mse = errors.reduce((sum, error) => sum + error, 0) / errors.length
    expect(Math.abs(mse - 0.351084)).toBeLessThan(1e-6)
    expect(Math.abs(mse - golden.test_mse)).toBeLessThan(1e-6)
  } finally {
    await rm(dir, { recursive: true })
  }
})
