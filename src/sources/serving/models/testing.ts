export { Batcher } from './batching/batcher.ts'
export { modelFamilies } from './families.ts'
