import { parser } from '@prometheus-io/lezer-promql'
import { expect, test } from 'vitest'
import {
  catalogueQueries,
  duration,
  mayJudge,
  profileQueries,
  qualityQueries,
  quote,
  revisionQueries,
  type Scope,
  signalQueries,
  taskQueries,
  trafficQueries,
  troubleQuery,
  valueQueries,
} from './queries.ts'

const scope: Scope = { model: 'a "quoted" \\ model', revision: '2026-11-20-a' }
const all = [
  ...Object.values(catalogueQueries),
  ...Object.values(profileQueries).map((query) => query(scope)),
  ...Object.values(valueQueries).map((query) => query(scope)),
  ...Object.values(signalQueries).map((query) => query(scope, '10s')),
  ...Object.values(qualityQueries).map((query) => query(scope, '1m')),
  ...Object.values(revisionQueries).map((query) => query(scope, '1m')),
  ...Object.values(taskQueries).map((query) => query(scope, '10s')),
  trafficQueries.shares,
  trafficQueries.sharesOf(scope),
  trafficQueries.tags(scope),
  troubleQuery(scope, ['gateway', 'a.b|c'], '10s'),
  troubleQuery(scope, [], '10s'),
]

test.for(all)('is PromQL: %s', (query) => {
  parser.parse(query).iterate({
    enter: ({ type, from }) => {
      expect(type.isError, `error at ${from} of ${query}`).toBe(false)
    },
  })
})

test('texts and durations', () => {
  expect(quote('a"b\\c\nd')).toBe('"a\\"b\\\\c\\nd"')
  expect(duration(90_000)).toBe('90s')
  expect(duration(1500)).toBe('1500ms')
})

test.for([
  { why: 'it names the model', expr: 'rate(x{model="weather", code=~"5.."}[1m]) > 1', want: true },
  { why: 'it names another', expr: 'x{model="wine"} > 1 and y{model = "wine"}', want: false },
  { why: 'it names both', expr: 'x{model="wine"} > on () x{model="weather"}', want: true },
  { why: 'it names none', expr: 'sum by (model) (x) > 1', want: true },
  { why: 'a regular expression may match', expr: 'x{model=~"w.*"} > 1', want: true },
  { why: 'a label that only ends like it names none', expr: 'x{submodel="wine"} > 1', want: true },
])('a rule may judge weather: $why', ({ expr, want }) => expect(mayJudge(expr, 'weather')).toBe(want))
