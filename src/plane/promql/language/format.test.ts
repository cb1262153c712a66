import { expect, test } from 'vitest'
import { formatQuery } from './format.ts'

// What Prometheus 3.5.3 prints for each.
test.for([
  ['SUM(foo) BY (x)', 'sum by (x) (foo)'],
  ['sum without () (foo)', 'sum without () (foo)'],
  ['topk by (a) (5, foo)', 'topk by (a) (5, foo)'],
  ['a AND b', 'a and b'],
  ['a + on() b', 'a + on () b'],
  ['a * ON(x) GROUP_LEFT b', 'a * on (x) group_left () b'],
  ['a == bool ignoring(y) group_right(z) b', 'a == bool ignoring (y) group_right (z) b'],
  ['1 > bool on() 2', '1 > bool 2'],
  ['{"a.b", c="d"}', '{__name__="a.b",c="d"}'],
  ['foo[5m] offset 90m @ 12.3456', 'foo[5m] @ 12.346 offset 1h30m'],
  ['foo offset -1w', 'foo offset -1w'],
  ['foo[1y]', 'foo[1y]'],
  ['foo[8d:90s] @ end() offset 2w', 'foo[8d:1m30s] @ end() offset 2w'],
  ['foo[5m*2] offset (1h+30m)', 'foo[5m * 2] offset (1h + 30m)'],
  ['foo[-(2m-1h)/2:(5+5)*2]', 'foo[-(2m - 1h) / 2:(5 + 5) * 2]'],
  ['5m + 0x1F + 1e-7 + 1e21', '5m + 31 + 0.0000001 + 1000000000000000000000'],
  ['-(-2) ^ +a', '-(-2) ^ +a'],
  ['"a\\tb\\"\\u20ac\\x00"', '"a\\tb\\"€\\x00"'],
  ['count_values("x", foo)', 'count_values("x", foo)'],
  ['info(foo, {b="c"})', 'info(foo, {b="c"})'],
  ['sum by ("a b") (foo)', 'sum by ("a b") (foo)'],
] as const)('%s', ([query, want]) => expect(formatQuery(query)).toBe(want))

// What does not fit on a line of 100 is broken; by Prometheus 3.5.3 too.
test.for([
  {
    query: 'sum by (job, instance) (rate(http_requests_total{job="api-server", group=~"canary|production", status!~"5.."}[5m] offset 1h))',
    want: [
      'sum by (job, instance) (',
      '  rate(http_requests_total{group=~"canary|production",job="api-server",status!~"5.."}[5m] offset 1h)',
      ')',
    ],
  },
  {
    query:
      'sum(rate(http_requests_total{job="api-server", status!~"5.."}[5m])) / on (job, instance) group_left (version) sum(rate(http_requests_total{job="api-server"}[5m])) * 100 > bool 99',
    want: [
      '      sum(rate(http_requests_total{job="api-server",status!~"5.."}[5m]))',
      '    / on (job, instance) group_left (version)',
      '      sum(rate(http_requests_total{job="api-server"}[5m]))',
      '  *',
      '    100',
      '> bool',
      '  99',
    ],
  },
  {
    query:
      'label_replace(max_over_time((sum by (instance) (rate(some_metric_name_that_is_long{job="x"}[5m])) > 1)[1h:1m] @ end() offset 5m), "dst", "$1-suffix", "instance", "(.*):.*")',
    want: [
      'label_replace(',
      '  max_over_time(',
      '(sum by (instance) (rate(some_metric_name_that_is_long{job="x"}[5m])) > 1)[1h:1m] @ end() offset 5m',
      '  ),',
      '  "dst",',
      '  "$1-suffix",',
      '  "instance",',
      '  "(.*):.*"',
      ')',
    ],
  },
  {
    query: '-(sum(rate(http_requests_total{job="api-server", status!~"5.."}[5m])) + sum(rate(http_requests_total{job="api-server"}[5m])))',
    want: [
      '-(',
      '    sum(rate(http_requests_total{job="api-server",status!~"5.."}[5m]))',
      '  +',
      '    sum(rate(http_requests_total{job="api-server"}[5m]))',
      ')',
    ],
  },
  {
    query:
      'histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{job="api-server", handler="/api/v1/query"}[5m])))',
    want: [
      'histogram_quantile(',
      '  0.99,',
      '  sum by (le) (',
      '    rate(http_request_duration_seconds_bucket{handler="/api/v1/query",job="api-server"}[5m])',
      '  )',
      ')',
    ],
  },
  {
    query:
      'topk(10, quantile without (instance, pod, container) (0.5, some_metric_with_a_long_name{label_one="value one", label_two="value two"}))',
    want: [
      'topk(',
      '  10,',
      '  quantile without (instance, pod, container) (',
      '    0.5,',
      '    some_metric_with_a_long_name{label_one="value one",label_two="value two"}',
      '  )',
      ')',
    ],
  },
  {
    query: 'max_over_time((metric_a_with_a_long_name{label="value"} and metric_b_with_a_long_name{label="value"} unless metric_c)[5m:1m])',
    want: [
      'max_over_time(',
      '  (',
      '      metric_a_with_a_long_name{label="value"} and metric_b_with_a_long_name{label="value"}',
      '    unless',
      '      metric_c',
      '  )[5m:1m]',
      ')',
    ],
  },
  {
    query: 'some_metric_with_a_very_long_name{label_one="value one", label_two="value two", label_three="value three", label_four="v"}',
    want: ['some_metric_with_a_very_long_name{label_four="v",label_one="value one",label_three="value three",label_two="value two"}'],
  },
  {
    query: 'abs(-some_metric_with_a_very_long_name{label_one="value one", label_two="value two", label_three="value three", l="v"})',
    want: [
      'abs(',
      '  -some_metric_with_a_very_long_name{l="v",label_one="value one",label_three="value three",label_two="value two"}',
      ')',
    ],
  },
])('$query', ({ query, want }) => expect(formatQuery(query).split('\n')).toEqual(want))

test('labels that need quotes have them, where Prometheus 3.5.3 forgets them', () => {
  expect(formatQuery('a + on("x.y") group_left("z z") b')).toBe('a + on ("x.y") group_left ("z z") b')
})
