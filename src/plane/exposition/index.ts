export { expositionErrors } from './errors.ts'
export { ExpositionParser, type ExpositionSink, type MetadataKind, type SeriesEntry } from './parser.ts'
export {
  bracesEnd,
  type ExpositionFormat,
  type LabelPair,
  nameEnd,
  normalizeBound,
  parseLabels,
  parseSeries,
  quotedEnd,
  SeriesSyntaxError,
  show,
  unescapeLabel,
} from './series.ts'
