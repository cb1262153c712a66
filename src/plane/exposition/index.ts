export { expositionErrors } from './errors.ts'
export { OpenMetricsFileParser, type OpenMetricsSink } from './open-metrics-file.ts'
export { ExpositionParser, type ExpositionSink, type MetadataKind, type SeriesEntry } from './parser.ts'
export { type ExpositionFormat, type LabelPair, SeriesSyntaxError } from './series.ts'
