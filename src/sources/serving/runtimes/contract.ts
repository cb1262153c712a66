import type { Columns, ModelSchema, OutputColumn } from '../../../watch/index.ts'

/** A model in memory, ready to answer. */
export interface LoadedModel {
  /**
   * Predicts rows together.
   * @returns shape [outputs][rows] in the schema's order: numbers for a regression (NaN where the model gave none), class labels for a classification.
   * @throws when the model itself fails; no row of the batch is answered then.
   */
  predict(columns: Columns): Promise<readonly OutputColumn[]>
  unload(): Promise<void>
}

/** A way to run models of one kind. */
export interface Runtime {
  readonly name: string
  /** The file in a revision's folder by which the runtime knows that the model is its own. */
  readonly modelFile: string
  /**
   * Loads a model, holds it against the schema, and runs it once so that the first client does not wait.
   * @throws MW_MODEL_UNREADABLE, MW_MODEL_MISMATCH or MW_RUNTIME_MISSING.
   */
  load(modelPath: string, schema: ModelSchema): Promise<LoadedModel>
}
