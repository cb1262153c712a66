export type { ScrapeConfig } from './config.ts'
export { parseScrapeConfig } from './config.ts'
export { type ExpositionFormat } from './exposition-series.ts'
export { ExpositionParser, type ExpositionSink, type MetadataKind, type SeriesEntry } from './exposition.ts'
