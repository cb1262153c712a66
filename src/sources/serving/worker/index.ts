export { WebhooksConfig, WorkConfig } from './config.ts'
export type { Worker, WorkerDeps, WorkerOptions } from './contract.ts'
export { createAddressPolicy } from './webhooks/address-policy.ts'
export { createWorker } from './worker.ts'
