import type { MetricMetadata } from '../contract.ts'

/** What the log holds. Numbers on disk are never reused; a reader skips and counts those it does not know. */
export const recordTypes = { series: 1, samples: 2, tombstones: 3, metadata: 4 } as const
export type RecordType = keyof typeof recordTypes

/** A metric's type is written as its place in this list: add at the end only. */
export const metadataTypes: readonly MetricMetadata['type'][] = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
]
