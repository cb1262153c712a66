import { expect, test } from 'vitest'
import { toLabels } from '../../../core/labels.ts'
import { labelsShare } from './label-hash.ts'

// Found in Prometheus 3.5.3 by halving the ratio of limit_ratio until each series just was not among the chosen.
test.for([
  { why: 'one label', labels: { __name__: 'lr', a: '1' }, want: 0.1528471433 },
  { why: 'two labels', labels: { __name__: 'lr', a: '2', b: 'xyz' }, want: 0.4633487039 },
  { why: 'a long value', labels: { __name__: 'lr', a: '3', long: 'q'.repeat(200) }, want: 0.1064779206 },
  { why: 'the longest that has a head of one byte', labels: { __name__: 'lw', a: 'x'.repeat(254) }, want: 0.8303711666 },
  { why: 'the shortest that has a longer one', labels: { __name__: 'lw', a: 'x'.repeat(255) }, want: 0.5476893943 },
  { why: 'a length of two bytes', labels: { __name__: 'lw', a: 'x'.repeat(256) }, want: 0.561837793 },
])('$why', ({ labels, want }) => expect(labelsShare(toLabels(labels))).toBeCloseTo(want, 9))
