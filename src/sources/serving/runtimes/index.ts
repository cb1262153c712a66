export { runtimes } from './all.ts'
export type { LoadContext, LoadedModel, ModelThreads, PredictOptions, Runtime, RuntimeEvent } from './contract.ts'
