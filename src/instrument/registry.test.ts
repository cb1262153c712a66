import { expect, test } from 'vitest'
import { defineFamilies } from './families.ts'
import { Registry } from './registry.ts'

const families = defineFamilies({
  requests: { kind: 'counter', name: 'x_requests_total', help: 'Requests.\nBy code.', labels: ['code'], labelSetsMax: 2 },
  depth: { kind: 'gauge', unit: 'none', name: 'x_depth', help: 'Depth.', labels: [], labelSetsMax: 1 },
  duration: {
    kind: 'histogram',
    unit: 'seconds',
    name: 'x_duration_seconds',
    help: 'Time.',
    labels: ['api'],
    buckets: [0.1, 1],
    labelSetsMax: 2,
  },
  bins: { kind: 'counter', name: 'x_bins_total', help: 'Bins.', labels: ['bin'], labelSetsMax: 10 },
})

test('renders counters, gauges and histograms as Prometheus reads them', () => {
  const registry = new Registry()
  const ok = registry.counter(families.requests, { code: '200' })
  ok.add()
  ok.add(2)
  registry.gauge(families.depth, {}).set(Number.NaN)
  const duration = registry.histogram(families.duration, { api: 'a"b\\c' })
  for (const seconds of [0.1, 0.5, 7]) duration.observe(seconds)
  expect(registry.render()).toBe(`# HELP x_requests_total Requests.\\nBy code.
# TYPE x_requests_total counter
x_requests_total{code="200"} 3
# HELP x_depth Depth.
# TYPE x_depth gauge
x_depth NaN
# HELP x_duration_seconds Time.
# TYPE x_duration_seconds histogram
x_duration_seconds_bucket{api="a\\"b\\\\c",le="0.1"} 1
x_duration_seconds_bucket{api="a\\"b\\\\c",le="1"} 2
x_duration_seconds_bucket{api="a\\"b\\\\c",le="+Inf"} 3
x_duration_seconds_sum{api="a\\"b\\\\c"} 7.6
x_duration_seconds_count{api="a\\"b\\\\c"} 3
`)
})

test('the same label set is the same series', () => {
  const registry = new Registry()
  registry.counter(families.requests, { code: '200' }).add()
  registry.counter(families.requests, { code: '200' }).add()
  expect(registry.render()).toContain('x_requests_total{code="200"} 2\n')
})

test('a full family drops new label sets and says how many', () => {
  const registry = new Registry()
  for (const code of ['200', '422', '500', '503']) registry.counter(families.requests, { code }).add()
  const text = registry.render()
  expect(text).not.toContain('code="500"')
  expect(text).toContain('modelwatch_metrics_label_sets_dropped_total{family="x_requests_total"} 2\n')
})

test('a vector stands at 0 from the start and counts by cell', () => {
  const registry = new Registry()
  const cells = registry.vector(families.bins, [{ bin: '[0,1)' }, { bin: 'missing' }])
  cells[1]! += 1
  expect(registry.render()).toContain('x_bins_total{bin="[0,1)"} 0\nx_bins_total{bin="missing"} 1\n')
})

test('a part is rendered with the whole, and taken away alone', () => {
  const whole = new Registry()
  whole.counter(families.requests, { code: '200' }).add()
  const part = whole.part()
  part.counter(families.requests, { code: '500' }).add()
  part.counter(families.requests, { code: '200' }).add() // The whole's own, which stays.
  part.vector(families.bins, [{ bin: '[0,1)' }, { bin: 'missing' }])[0]! += 1
  part.vector(families.bins, [])
  let reads = 0
  part.read(families.bins, { bin: 'nan' }, () => ++reads)
  expect(whole.render()).toContain('x_requests_total{code="200"} 2\nx_requests_total{code="500"} 1\n')
  expect(whole.render()).toContain('x_bins_total{bin="nan"} 2\n')
  part.remove()
  expect(
    whole
      .render()
      .split('\n')
      .filter((line) => /^x_/.test(line)),
  ).toEqual(['x_requests_total{code="200"} 2'])
  expect(reads).toBe(2)
  whole.part().vector(families.bins, [{ bin: 'missing' }])
  expect(whole.render()).toContain('x_bins_total{bin="missing"} 0\n')
})

test('a part that was taken away takes nothing more, and leaves its successor alone', () => {
  const whole = new Registry()
  const part = whole.part()
  part.counter(families.requests, { code: '200' }).add()
  part.remove()
  const successor = whole.part()
  successor.counter(families.requests, { code: '200' }).add()
  for (const code of ['200', '499', '500']) part.counter(families.requests, { code }).add()
  part.histogram(families.duration, { api: 'late' }).observe(1)
  part.vector(families.bins, [{ bin: 'a' }, { bin: 'b' }])[1]! += 1
  part.gauge(families.depth, {}).set(3)
  part.read(families.bins, { bin: 'c' }, () => expect.unreachable('nobody asks'))
  expect(whole.render().match(/^(?!#).+$/gm)).toEqual(['x_requests_total{code="200"} 1'])
  successor.remove()
  part.remove()
  expect(whole.render().match(/^(?!#).+$/gm)).toBe(null)
})
