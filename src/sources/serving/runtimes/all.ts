import type { Runtime } from './contract.ts'
import { onnxRuntime } from './onnx/index.ts'
import { typescriptRuntime } from './typescript/index.ts'
import { upstreamRuntime } from './upstream/index.ts'

/** Every runtime, in the order in which a revision's folder is asked for its model file. */
export const runtimes: readonly Runtime[] = [onnxRuntime, typescriptRuntime, upstreamRuntime]
