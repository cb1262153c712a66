export { runtimes } from './all.ts'
export type { LoadedModel, Runtime } from './contract.ts'
