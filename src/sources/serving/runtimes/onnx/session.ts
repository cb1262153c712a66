import type { InferenceSession } from 'onnxruntime-node'
import { ModelwatchError, messageOf } from '../../../../core/errors.ts'
import type { Column, Columns, ModelSchema } from '../../../../watch/index.ts'
import { runtimeErrors } from '../errors.ts'
import type { ThreadCopy, ThreadTask } from '../threads/protocol.ts'
import { bindInputs } from './inputs.ts'
import { importOrt, type Ort } from './ort.ts'
import { bindOutputs } from './outputs.ts'
import { probeColumns } from './probe.ts'
import type { OnnxSettings } from './settings.ts'

/** Only what ends the process is worth a line of the native library's own; a failed run is our error to tell. */
const LOG_FATAL = 4

/** A copy of an ONNX model that is warm and known to fit its schema, on this thread. */
export interface OnnxSession extends ThreadCopy {
  /** As `predict`, and tells how long this thread was kept busy. */
  measure(columns: Columns): Promise<{ readonly outputs: readonly Column[]; readonly busyMs: number }>
}

/** As a model's thread loads it. */
export const loadCopy = ({ modelPath, schema, settings }: ThreadTask): Promise<ThreadCopy> =>
  openSession(modelPath, schema, settings as OnnxSettings)

/** @throws MW_MODEL_UNREADABLE, MW_MODEL_MISMATCH or MW_RUNTIME_MISSING. */
export async function openSession(modelPath: string, schema: ModelSchema, settings: OnnxSettings): Promise<OnnxSession> {
  const ort = await importOrt()
  const session = await createSession(ort, modelPath, settings)
  try {
    const bound = bind(ort, session, modelPath, schema)
    await warmUp(bound, modelPath, schema)
    return bound
  } catch (error) {
    await session.release()
    throw error
  }
}

async function createSession(ort: Ort, modelPath: string, settings: OnnxSettings): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(modelPath, {
      intraOpNumThreads: settings.intra_op_threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: settings.graph_optimization,
      logSeverityLevel: LOG_FATAL,
    })
  } catch (error) {
    throw runtimeErrors.MW_MODEL_UNREADABLE(`${modelPath} is not a readable ONNX model: ${messageOf(error)}`, { cause: error })
  }
}

function bind(ort: Ort, session: InferenceSession, modelPath: string, schema: ModelSchema): OnnxSession {
  const toFeeds = bindInputs(ort, session, modelPath, schema)
  const { fetches, toColumns } = bindOutputs(session, modelPath, schema)
  const options = { logSeverityLevel: LOG_FATAL } as const
  return {
    async predict(columns) {
      if (columns.rows === 0) return schema.outputs.map(() => new Float64Array(0))
      return toColumns(await session.run(toFeeds(columns), fetches, options), columns.rows)
    },
    async measure(columns) {
      const startMs = performance.now()
      const feeds = toFeeds(columns)
      const fedMs = performance.now() - startMs
      // The native call is made by a callback of setImmediate: this one comes right before it, after whatever else the turn holds.
      let runMs = 0
      setImmediate(() => {
        runMs = performance.now()
      })
      const outputs = toColumns(await session.run(feeds, fetches, options), columns.rows)
      return { outputs, busyMs: fedMs + performance.now() - runMs }
    },
    unload: () => session.release(),
  }
}

/**
 * The first call of a model is its slowest, and the surest proof that it answers what its schema says. That its scores are no numbers is no proof of the
 * contrary: the row is made up.
 */
async function warmUp(session: OnnxSession, modelPath: string, schema: ModelSchema): Promise<void> {
  try {
    await session.predict(probeColumns(schema), undefined)
  } catch (error) {
    if (error instanceof ModelwatchError && error.code === 'MW_MODEL_ANSWER') return
    throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} fails on a row made from model.yaml: ${messageOf(error)}`, { cause: error })
  }
}
