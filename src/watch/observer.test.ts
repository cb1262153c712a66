import { expect, test } from 'vitest'
import { Registry } from '../instrument/index.ts'
import { createObserver, type Observer } from './observer.ts'
import { createQualityTracker } from './quality.ts'
import { compileRowReader } from './rows.ts'
import { testReference, testSchema } from './testing.ts'

const read = compileRowReader(testSchema)

function seriesOf(registry: Registry, part: string): string[] {
  return registry
    .render()
    .split('\n')
    .filter((line) => line.startsWith(part) && !line.endsWith(' 0'))
    .map((line) => line.replace('model="demo",revision="v1",', ''))
}

test('all bins stand at 0 before the first row, beside their reference', () => {
  const registry = new Registry()
  createObserver(testSchema, 'v1', testReference(), registry)
  const lines = registry.render().split('\n')
  expect(lines).toContain('modelwatch_value_bin_total{model="demo",revision="v1",role="input",name="wind",bin="missing"} 0')
  expect(lines).toContain('modelwatch_reference_bin_ratio{model="demo",revision="v1",role="input",name="sky",bin="rain"} 0.5')
  expect(lines).toContain('modelwatch_violations_total{model="demo",revision="v1",rule="unknown"} 0')
  expect(lines).toContain('modelwatch_reference_error{model="demo",revision="v1",name="warmth",measure="mae"} 1')
})

test('each value of each row lands in one bin, refused rows too', () => {
  const registry = new Registry()
  const observer = createObserver(testSchema, 'v1', testReference(), registry)
  const rows = [
    { wind: 0, sky: 'sun' },
    { wind: 59.4, sky: null },
    { wind: '1', sky: 'hail' },
    { wind: 61, sky: 'rain' },
    { sky: 'rain' },
    7,
    { wind: Number.POSITIVE_INFINITY, sky: 'sun', x: 1 },
  ]
  observer.inputs(read(rows))
  observer.outputs([Float64Array.of(3, -1, Number.NaN)])
  expect(seriesOf(registry, 'modelwatch_value_bin_total{model="demo",revision="v1",role="input",name="wind"')).toEqual([
    'modelwatch_value_bin_total{role="input",name="wind",bin="[0,6)"} 1',
    'modelwatch_value_bin_total{role="input",name="wind",bin="[54,59.4]"} 1',
    'modelwatch_value_bin_total{role="input",name="wind",bin="above"} 1',
    'modelwatch_value_bin_total{role="input",name="wind",bin="missing"} 1',
    'modelwatch_value_bin_total{role="input",name="wind",bin="nan"} 1',
    'modelwatch_value_bin_total{role="input",name="wind",bin="invalid"} 2',
  ])
  expect(seriesOf(registry, 'modelwatch_value_bin_total{model="demo",revision="v1",role="input",name="sky"')).toEqual([
    'modelwatch_value_bin_total{role="input",name="sky",bin="sun"} 2',
    'modelwatch_value_bin_total{role="input",name="sky",bin="rain"} 2',
    'modelwatch_value_bin_total{role="input",name="sky",bin="other"} 1',
    'modelwatch_value_bin_total{role="input",name="sky",bin="missing"} 1',
    'modelwatch_value_bin_total{role="input",name="sky",bin="invalid"} 1',
  ])
  expect(seriesOf(registry, 'modelwatch_value_bin_total{model="demo",revision="v1",role="output"')).toHaveLength(3)
  expect(seriesOf(registry, 'modelwatch_violations_total')).toEqual([
    'modelwatch_violations_total{rule="unknown"} 1',
    'modelwatch_violations_total{name="wind",rule="missing"} 1',
    'modelwatch_violations_total{name="wind",rule="type"} 2',
    'modelwatch_violations_total{name="wind",rule="range"} 1',
    'modelwatch_violations_total{name="wind",rule="nonfinite"} 1',
    'modelwatch_violations_total{name="sky",rule="missing"} 1',
    'modelwatch_violations_total{name="sky",rule="type"} 1',
    'modelwatch_violations_total{name="sky",rule="category"} 1',
  ])
})

test('labels are joined once, in time, and sum the error', () => {
  const registry = new Registry()
  const quality = createQualityTracker(testSchema, 'v1', registry, { predictionsMax: 2, delayMsMax: 10_000 })
  const truth = (value: number) => new Map([['warmth', value]])
  const predict = () => quality.predicted([Float64Array.of(99, 10)], 1, 0)
  const a = predict()
  expect(quality.labelled(a, truth(13), 5000)).toBe('matched')
  expect(quality.labelled(a, truth(99), 6000)).toBe('duplicate')
  expect(quality.labelled(predict(), truth(9), 10_001)).toBe('late')
  const c = predict() // The ring holds two: a is forgotten.
  expect(quality.labelled(a, truth(13), 7000)).toBe('orphan')
  expect(quality.labelled(c, truth(9), 1000)).toBe('matched')
  expect(quality.labelled('nobody', truth(9), 1000)).toBe('orphan')
  expect(seriesOf(registry, 'modelwatch_error_')).toEqual([
    'modelwatch_error_abs_total{name="warmth"} 4',
    'modelwatch_error_squared_total{name="warmth"} 10',
    'modelwatch_error_over_total{name="warmth"} 1',
    'modelwatch_error_under_total{name="warmth"} 3',
  ])
})

test('rows one by one count as the same rows together, whenever somebody looks', () => {
  const rows = Array.from({ length: 300 }, (_, i) => ({ wind: (i * 7) % 60, sky: i % 5 === 0 ? 'rain' : 'sun' }))
  const counts = (feed: (observer: Observer, look: () => string) => void) => {
    const registry = new Registry()
    feed(createObserver(testSchema, 'v1', testReference(), registry), () => registry.render())
    return registry.render().replace(/(_variance\{.*\}) (.*)/, (_, head, value) => `${head} ${Number(value).toFixed(9)}`) // Summed in another order.
  }
  const together = counts((observer) => {
    observer.inputs(read(rows))
    observer.outputs([Float64Array.from(rows, ({ wind }) => wind / 10)])
  })
  const oneByOne = counts((observer, look) => {
    for (const [i, row] of rows.entries()) {
      observer.inputs(read([row]))
      observer.outputs([Float64Array.of(row.wind / 10)])
      if (i % 77 === 0) look()
    }
  })
  expect(oneByOne).toBe(together)
})

test('the variance is of the last rows, whether they came alone or together', () => {
  const registry = new Registry()
  const observer = createObserver(testSchema, 'v1', testReference(), registry)
  observer.inputs(read([{ wind: 59, sky: 'sun' }]))
  observer.inputs(read(Array.from({ length: 49 }, () => ({ wind: 5, sky: 'sun' }))))
  observer.inputs(read([{ wind: 5, sky: 'sun' }])) // The first is the 51st of the last.
  expect(seriesOf(registry, 'modelwatch_input_variance')).toEqual([])
})
