import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readModelSchema } from '../../src/sources/serving/models/index.ts'
import { runtimes } from '../../src/sources/serving/runtimes/index.ts'
import { testContext } from '../../src/sources/serving/runtimes/testing.ts'
import { compileRowReader } from '../../src/watch/index.ts'
import { needs } from '../../test/support/needs.ts'
import { encodeOnnx } from '../weather/train/onnx-writer.ts'
import { type LstmWeights, toOnnx } from './lstm-to-onnx.ts'

const modelDir = join(import.meta.dirname, 'models/bts')

test.for(['bts-lstm', 'lstm-single-series'])('%s, converted to ONNX, gives the golden outputs', async (name, context) => {
  const data = join(needs(context, '../shared'), 'data/bts-lstm-model')
  const weights = JSON.parse(await readFile(join(data, `${name}.weights.json`), 'utf8')) as LstmWeights
  const { cases } = JSON.parse(await readFile(join(data, `${name}.golden.json`), 'utf8')) as {
    cases: { input: number[]; output: number[] }[]
  }
  const dir = await mkdtemp(join(tmpdir(), 'bts-'))
  try {
    await writeFile(join(dir, 'model.onnx'), encodeOnnx(toOnnx(weights)))
    const schema = await readModelSchema(modelDir)
    const onnx = runtimes.find(({ name }) => name === 'onnx')!
    const model = await onnx.load(join(dir, 'model.onnx'), schema, testContext(onnx))
    const { columns, faults } = compileRowReader(schema)(cases.map(({ input }) => ({ readings: input.map((reading) => [reading]) })))
    expect(faults).toEqual([])
    const [next, sequence] = (await model.predict(columns)) as [Float64Array, Float64Array]
    await model.unload()
    expect([next.length, sequence.length]).toEqual([cases.length, 6 * cases.length])
    for (const [i, { output }] of cases.entries()) {
      expect(next[i]).toBeCloseTo(output[0]!, 5)
      for (const [step, want] of output.entries()) expect(sequence[6 * i + step]).toBeCloseTo(want, 5)
    }
  } finally {
    await rm(dir, { recursive: true })
  }
})
