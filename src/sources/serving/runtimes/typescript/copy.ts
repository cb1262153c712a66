import { basename, dirname } from 'node:path'
import { messageOf } from '../../../../core/errors.ts'
import type { Column, Columns, ModelSchema } from '../../../../watch/index.ts'
import { runtimeErrors } from '../errors.ts'
import { probeColumns } from '../onnx/probe.ts'
import type { ThreadCopy, ThreadTask } from '../threads/protocol.ts'
import { readAnswer } from './answer.ts'
import { toBatch } from './batch.ts'
import { importPredictor, placeOf, toUnreadable } from './import-predictor.ts'
import type { Predictor, PredictorContext } from './predictor.ts'
import type { TypescriptSettings } from './settings.ts'

/**
 * Loads a predictor in this thread, and runs a row made from the schema through it.
 * @throws MW_MODEL_UNREADABLE when it cannot be imported or its `load` fails; MW_MODEL_MISMATCH when it fails on that row, or does not answer what the schema says.
 */
export async function loadCopy({ modelPath, schema, settings }: ThreadTask): Promise<ThreadCopy> {
  const predictor = await importPredictor(modelPath)
  const dir = dirname(modelPath)
  const context: PredictorContext = { dir, revision: basename(dir), modelName: schema.name, schema: toPlain(schema) }
  try {
    await predictor.load?.(context)
  } catch (error) {
    throw toUnreadable(modelPath, error)
  }
  if ((settings as TypescriptSettings).warm_up) await warmUp(predictor, modelPath, schema)
  return {
    predict: (columns, deadlineMs) => predict(predictor, schema, columns, deadlineMs),
    async unload() {
      await predictor.unload?.()
    },
  }
}

async function predict(predictor: Predictor, schema: ModelSchema, columns: Columns, deadlineMs: number | undefined): Promise<Column[]> {
  if (columns.rows === 0) return readAnswer(schema, [], 0)
  let answer: unknown
  try {
    answer = await predictor.predict(toBatch(schema, columns, deadlineMs))
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code === 'MW_INPUT_UNFIT')
      throw runtimeErrors.MW_INPUT_UNFIT(messageOf(error), { cause: error })
    throw error
  }
  return readAnswer(schema, answer, columns.rows)
}

/** The first call is the slowest, and the surest proof that the model answers what its schema says. A model may refuse the row: it is made up. */
async function warmUp(predictor: Predictor, modelPath: string, schema: ModelSchema): Promise<void> {
  try {
    await predict(predictor, schema, probeColumns(schema), undefined)
  } catch (error) {
    if ((error as { code?: unknown } | null)?.code === 'MW_INPUT_UNFIT') return
    const place = placeOf(error)
    const message = `${modelPath} fails on a row made from model.yaml: ${messageOf(error)}${place === undefined ? '' : `, at ${place}`}`
    throw runtimeErrors.MW_MODEL_MISMATCH(message, {
      cause: error,
      hint: 'Make model.yaml and the model agree, or set warm_up: false under runtime: in revision.yaml where no such row can be predicted.',
    })
  }
}

/** The schema as JSON has it, so that nothing a predictor does with it reaches ours. */
const toPlain = (schema: ModelSchema): PredictorContext['schema'] => JSON.parse(JSON.stringify(schema)) as PredictorContext['schema']
