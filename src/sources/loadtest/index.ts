export { RATE_MAX } from './config.ts'
export { type GatewayAddress, parseGatewayUrl } from './gateway-url.ts'
export type { LabelProgress } from './label-sender.ts'
export { createReplay, type Replay, type ReplayOptions, type ReplayProgress } from './replay.ts'
