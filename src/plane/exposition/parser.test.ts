import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { needs } from '../../../test/support/needs.ts'
import { formatNumber } from '../../core/number-text.ts'
import type { ExpositionFormat } from './series.ts'
import { createExpositionReader } from './testing.ts'

function samplesOf(body: string, format: ExpositionFormat = 'text') {
  return createExpositionReader(format).read(body).samples
}

test.for([
  { why: 'a bare name', body: 'up 1\n', labels: { __name__: 'up' }, value: 1 },
  { why: 'no newline at the end', body: 'up 1', labels: { __name__: 'up' }, value: 1 },
  {
    why: 'blanks anywhere',
    body: '  a { b = "c" , } \t-Inf\t54321 \n',
    labels: { __name__: 'a', b: 'c' },
    value: Number.NEGATIVE_INFINITY,
    timeMs: 54321,
  },
  { why: 'no space before the value', body: 'a{b="c"}-2.5\n', labels: { __name__: 'a', b: 'c' }, value: -2.5 },
  { why: 'escapes', body: String.raw`a{b="q\"s\\n\n\t"} 1`, labels: { __name__: 'a', b: 'q"s\\n\n\\t' }, value: 1 },
  { why: 'braces and hashes in a value', body: 'a{b="{x} # y"} 1', labels: { __name__: 'a', b: '{x} # y' }, value: 1 },
  { why: 'a quoted name', body: '{"http.status",b="c"} 1', labels: { __name__: 'http.status', b: 'c' }, value: 1 },
  { why: 'a quoted label name', body: 'a{"b.c"="d"} 1', labels: { __name__: 'a', 'b.c': 'd' }, value: 1 },
  { why: 'an empty label is kept for the caller to drop', body: 'a{b=""} 1', labels: { __name__: 'a', b: '' }, value: 1 },
  { why: 'a long mantissa', body: 'a 0.1000000000000000055511151231257827', labels: { __name__: 'a' }, value: 0.1 },
  { why: '15 digits are exact', body: 'a 0.013300656000001', labels: { __name__: 'a' }, value: 0.013300656000001 },
  { why: 'an exponent', body: 'a 1.7560473e+06', labels: { __name__: 'a' }, value: 1756047.3 },
])('text: $why', ({ body, labels, value, timeMs }) => {
  expect(samplesOf(body)).toEqual([{ labels, value, timeMs }])
})

test('the sign of zero and every finite double survive the way through text', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(samplesOf(`a ${formatNumber(value)}\n`)[0]?.value).toBe(value)
    }),
  )
})

test.for([
  { why: 'bucket bounds', type: 'histogram', series: 'a_bucket{le="1"}', want: { le: '1.0' } },
  { why: 'a large bound', type: 'histogram', series: 'a_bucket{le="10000000000"}', want: { le: '1e+10' } },
  { why: 'the last bound', type: 'histogram', series: 'a_bucket{le="+Inf"}', want: { le: '+Inf' } },
  { why: 'a bound that is no number', type: 'histogram', series: 'a_bucket{le="bla"}', want: { le: 'bla' } },
  { why: 'quantiles', type: 'summary', series: 'a{quantile=".50"}', want: { quantile: '0.5' } },
  { why: 'le of a gauge', type: 'gauge', series: 'a{le="1"}', want: { le: '1' } },
])('$why are written in one way', ({ type, series, want }) => {
  expect(samplesOf(`# TYPE a ${type}\n${series} 1\n`)[0]?.labels).toMatchObject(want)
})

test('HELP, TYPE and UNIT are reported, other comments are not', () => {
  const { metadata } = createExpositionReader('text').read(
    '# HELP a two\\nlines \\\\ "q"\n# TYPE a untyped\n#TYPE b counter\n# HELP c\n# any\n#\n',
  )
  expect(metadata).toEqual([
    { kind: 'help', metric: 'a', text: 'two\nlines \\ "q"' },
    { kind: 'type', metric: 'a', text: 'unknown' },
    { kind: 'help', metric: 'c', text: '' },
  ])
  expect(createExpositionReader('openmetrics').read('# UNIT a_seconds seconds\n# TYPE a_seconds gauge\n# EOF\n').metadata).toEqual([
    { kind: 'unit', metric: 'a_seconds', text: 'seconds' },
    { kind: 'type', metric: 'a_seconds', text: 'gauge' },
  ])
})

test('OpenMetrics: timestamps are seconds, exemplars are skipped', () => {
  expect(samplesOf('a_total{b="c"} 3 1.5 # {trace="x"} 0.5 9.75\na_sum 4 # {} 1\n# EOF\n', 'openmetrics')).toEqual([
    { labels: { __name__: 'a_total', b: 'c' }, value: 3, timeMs: 1500 },
    { labels: { __name__: 'a_sum' }, value: 4, timeMs: undefined },
  ])
})

test('an error names the line', () => {
  expect(() => samplesOf('a 1\nb 2\nc{d="e} 3\n')).toThrow('line 3: expected label value')
  expect(() => samplesOf('a 1\n\n@ 2')).toThrow('line 3: expected a valid start token, got "@"')
})

test('a series seen before is neither looked up nor taken apart again, in whatever order it comes', () => {
  const reader = createExpositionReader('text')
  const body = (order: string[]) => order.map((line, i) => `${line} ${i}`).join('\n')
  expect(reader.read(body(['a', 'ab', 'a{b="c"}', 'd'])).created).toBe(4)
  expect(reader.read(body(['a', 'ab', 'a{b="c"}', 'd'])).created).toBe(0)
  const again = reader.read(body(['d', 'a{b="c"}', 'a', 'e', 'ab', 'a {b="c"}']))
  expect(again.created).toBe(2) // e, and the same series written with a blank.
  expect(again.samples.map((s) => [s.labels.__name__, s.labels.b, s.value])).toEqual([
    ['d', undefined, 0],
    ['a', 'c', 1],
    ['a', undefined, 2],
    ['e', undefined, 3],
    ['ab', undefined, 4],
    ['a', 'c', 5],
  ])
})

test('bodies of the reference parsers: refused only what Prometheus refuses, accepted what both accept', (ctx) => {
  const shared = needs(ctx, '../shared')
  const verdicts = join(shared, 'conformance/openmetrics/verdict.tsv')
  const wrong: string[] = []
  let judged = 0
  for (const line of readFileSync(verdicts, 'utf8').trim().split('\n').slice(1)) {
    const [format, name, , accepted] = line.split('\t') as [string, string, string, string]
    const file = bodyFile(format, name, shared)
    if (file === undefined) continue
    judged++
    const verdict = refusal(readFileSync(file, 'utf8'), format === 'text' ? 'text' : 'openmetrics')
    if ((verdict === undefined) !== (accepted === 'true')) wrong.push(`${name}: ${verdict ?? 'accepted'}`)
  }
  expect(wrong).toEqual([])
  expect(judged).toBeGreaterThan(100)
})

test('a whole scrape of 237 families reads without loss', (ctx) => {
  const folder = join(needs(ctx, '../shared'), 'data/prometheus-exposition')
  const body = readFileSync(join(folder, 'alltypes.237mfs.prom.txt'), 'utf8')
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const samples = samplesOf(body)
  expect(samples).toHaveLength(lines.length)
  expect(samples.map((s) => s.value)).toEqual(lines.map((line) => Number(line.slice(line.lastIndexOf(' ') + 1).replace('Inf', 'Infinity'))))
})

function bodyFile(format: string, name: string, shared: string): string | undefined {
  if (format === 'openmetrics') return existing(join(shared, `conformance/openmetrics/parsers/${name}/metrics`))
  const text = join(shared, 'data/prometheus-exposition')
  const short = name.replace('from_test_', '')
  const folder = short.startsWith('parse_error') ? join(text, 'errors') : text
  const file = short.replace(/^parse_(\d)/, 'parse_ok_$1')
  return existing(join(folder, `${file}.prom`))
}

const existing = (path: string) => (existsSync(path) ? path : undefined)

function refusal(body: string, format: ExpositionFormat): string | undefined {
  try {
    createExpositionReader(format).read(body)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
