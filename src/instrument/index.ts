export { textContentType } from './exposition.ts'
export { type CounterSpec, defineFamilies, type FamilySpec, type GaugeSpec, type HistogramSpec, latencyBucketsSeconds } from './families.ts'
export { addProcessMetrics, processFamilies } from './process-metrics.ts'
export { type Counter, type Gauge, type Histogram, Registry } from './registry.ts'
