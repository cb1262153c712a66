import type { Runtime } from '../contract.ts'
import type { ThreadTask } from '../threads/protocol.ts'
import { createThreadModel } from '../threads/thread-pool.ts'
import { createInlineModel } from './inline-model.ts'
import { watchLoop } from './loop-load.ts'
import { openSession } from './session.ts'
import { OnnxSettings } from './settings.ts'

/** Until a copy of a model is loaded and has answered its first row; a model of gigabytes on a slow disk takes its time. */
const LOAD_MS_MAX = 600_000

/** Runs ONNX models with onnxruntime on the CPU. */
export const onnxRuntime: Runtime = {
  name: 'onnx',
  modelFiles: ['model.onnx'],
  settings: OnnxSettings,
  async load(modelPath, schema, context) {
    const settings = context.settings as OnnxSettings
    const task: ThreadTask = { runtime: 'onnx', modelPath, schema, settings }
    const startThreads = (onAnswer?: (rows: number, computeMs: number) => void) =>
      createThreadModel({
        task,
        threadFile: context.threadFile,
        threads: context.threads,
        memoryMb: undefined, // The model lives outside of the thread's heap.
        timeoutMs: undefined, // A native call cannot be ended: neither its thread nor its memory would come back.
        loadTimeoutMs: LOAD_MS_MAX,
        onEvent: context.onEvent,
        ...(onAnswer === undefined ? {} : { onAnswer }),
      })
    if (context.placement === 'threads') return startThreads()
    const session = await openSession(modelPath, schema, settings)
    try {
      return await createInlineModel(session, { modelPath, schema, inlineMsMax: settings.inline_ms_max, load: watchLoop(), startThreads })
    } catch (error) {
      await session.unload()
      throw error
    }
  },
}
