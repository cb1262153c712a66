import type { Runtime } from './contract.ts'
import { onnxRuntime } from './onnx/index.ts'

/** Every runtime, in the order in which a revision's folder is asked for its model file. */
export const runtimes: readonly Runtime[] = [onnxRuntime]
