import type { InferenceSession } from 'onnxruntime-node'
import { messageOf } from '../../../../core/errors.ts'
import type { Columns, ModelSchema } from '../../../../watch/index.ts'
import type { LoadedModel, Runtime } from '../contract.ts'
import { runtimeErrors } from '../errors.ts'
import { bindInputs } from './inputs.ts'
import { importOrt, type Ort } from './ort.ts'
import { bindOutputs } from './outputs.ts'
import { probeColumns } from './probe.ts'

/** Only what ends the process is worth a line of the native library's own; a failed run is our error to tell. */
const LOG_FATAL = 4

/** Runs ONNX models with onnxruntime on the CPU, one thread per call: small models are slower with two. */
export const onnxRuntime: Runtime = {
  name: 'onnx',
  modelFile: 'model.onnx',
  async load(modelPath, schema) {
    const ort = await importOrt()
    const session = await createSession(ort, modelPath)
    const model = bind(ort, session, modelPath, schema)
    await warmUp(model, modelPath, schema)
    return model
  },
}

async function createSession(ort: Ort, modelPath: string): Promise<InferenceSession> {
  try {
    return await ort.InferenceSession.create(modelPath, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      logSeverityLevel: LOG_FATAL,
    })
  } catch (error) {
    throw runtimeErrors.MW_MODEL_UNREADABLE(`${modelPath} is not a readable ONNX model: ${messageOf(error)}`, { cause: error })
  }
}

function bind(ort: Ort, session: InferenceSession, modelPath: string, schema: ModelSchema): LoadedModel {
  const toFeeds = bindInputs(ort, session, modelPath, schema)
  const { fetches, toColumns } = bindOutputs(session, modelPath, schema)
  return {
    async predict(columns: Columns) {
      if (columns.rows === 0) return schema.outputs.map(() => new Float64Array(0))
      return toColumns(await session.run(toFeeds(columns), fetches, { logSeverityLevel: LOG_FATAL }), columns.rows)
    },
    unload: () => session.release(),
  }
}

/** The first call of a model is its slowest, and the surest proof that it answers what its schema says. */
async function warmUp(model: LoadedModel, modelPath: string, schema: ModelSchema): Promise<void> {
  try {
    await model.predict(probeColumns(schema))
  } catch (error) {
    await model.unload()
    throw runtimeErrors.MW_MODEL_MISMATCH(`${modelPath} fails on a row made from model.yaml: ${messageOf(error)}`, { cause: error })
  }
}
