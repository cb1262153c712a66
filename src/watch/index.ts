export { compileAnswerWriter } from './answers.ts'
export { CATEGORY_LENGTH_MAX } from './bins.ts'
export { toInputValue, toNumber } from './cells.ts'
export { type Column, type Columns, joinColumns, sliceColumn, sliceRows, widthOf, zeros } from './columns.ts'
export { toRuleFile } from './drift-rules.ts'
export type { FeatureValues } from './feature-reader.ts'
export type { RowFault, SpecialCount, Violation } from './findings.ts'
export { type JsonSchema, toExampleRow, toOutputsSchema, toRowSchema } from './input-schema.ts'
export { createObserver, type Observer } from './observer.ts'
export {
  buildReference,
  createProfileBuilder,
  type ProfileBuilder,
  type ProfileOptions,
  profileDefaults,
  toReferenceJson,
} from './profile.ts'
export {
  createQualityTracker,
  type LabelOutcome,
  PREDICTION_ID_LENGTH,
  type QualityOptions,
  type QualityTracker,
  qualityDefaults,
} from './quality.ts'
export { parseReference, type Reference, type ReferenceValue } from './reference.ts'
export { compileRowReader, type ReadRows } from './rows.ts'
export { compileRowScanner, type ScannedRows } from './scan-rows.ts'
export { type Feature, isJudged, type ModelSchema, type Output, parseModelSchema } from './schema.ts'
export { compileColumnReader } from './tensor-columns.ts'
