export { CATEGORY_LENGTH_MAX } from './bins.ts'
export { toInputValue, toNumber } from './cells.ts'
export { toRuleFile } from './drift-rules.ts'
export { type JsonSchema, toExampleRow, toRowSchema } from './input-schema.ts'
export { createObserver, type Observer } from './observer.ts'
export {
  buildReference,
  createProfileBuilder,
  type OutputColumn,
  type ProfileBuilder,
  type ProfileOptions,
  profileDefaults,
  toReferenceJson,
} from './profile.ts'
export { createQualityTracker, type LabelOutcome, type QualityOptions, type QualityTracker, qualityDefaults } from './quality.ts'
export { parseReference, type Reference, type ReferenceValue } from './reference.ts'
export { type Column, type Columns, compileRowReader, type ReadRows, type RowFault } from './rows.ts'
export { type Feature, type ModelSchema, type Output, parseModelSchema } from './schema.ts'
