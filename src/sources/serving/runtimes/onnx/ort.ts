import { messageOf } from '../../../../core/errors.ts'
import { runtimeErrors } from '../errors.ts'

export type Ort = typeof import('onnxruntime-node')

/** Loads the native library when the first model needs it. @throws MW_RUNTIME_MISSING when it is not installed, or not for this platform. */
export async function importOrt(): Promise<Ort> {
  try {
    const module = await import('onnxruntime-node')
    return module.default ?? module
  } catch (error) {
    throw runtimeErrors.MW_RUNTIME_MISSING(`this model needs the package onnxruntime-node, which cannot be loaded: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
