export { createReplay, type Replay, type ReplayOptions, type ReplayProgress } from './replay.ts'
