import { parseDurationMs } from '../../../../core/time.ts'
import type { Runtime } from '../contract.ts'
import { createThreadModel } from '../threads/thread-pool.ts'
import { TypescriptSettings } from './settings.ts'

/** Runs models that are modules of TypeScript or JavaScript, each copy in a thread of its own. */
export const typescriptRuntime: Runtime = {
  name: 'typescript',
  modelFiles: ['predictor.ts', 'predictor.js', 'predictor.mjs'],
  settings: TypescriptSettings,
  load(modelPath, schema, context) {
    const settings = context.settings as TypescriptSettings
    return createThreadModel({
      task: { runtime: 'typescript', modelPath, schema, settings },
      threadFile: context.threadFile,
      threads: context.threads,
      memoryMb: settings.memory_max,
      timeoutMs: parseDurationMs(settings.timeout)!,
      loadTimeoutMs: parseDurationMs(settings.load_timeout)!,
      onEvent: context.onEvent,
    })
  },
}
