// What runs in a model's thread needs these alone; the whole of watch/ would load what reads YAML and schemas into each thread.
export { type Column, type Columns, joinColumns, sliceColumn, sliceRows, widthOf, zeros } from './columns.ts'
export type { Feature, ModelSchema, Output } from './schema.ts'
export { type ArrayKind, zerosOf } from './slab.ts'
