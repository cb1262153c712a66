import { defineErrors } from '../../../core/errors.ts'

export const runtimeErrors = defineErrors({
  MW_INPUT_UNFIT: { kind: 'invalid', retryable: false, hint: 'Send a value that the model can compute with; its message names the bound.' },
  MW_MODEL_UNREADABLE: { kind: 'config', retryable: false, hint: 'Export the model again; an ONNX file is written whole or not at all.' },
  MW_MODEL_MISMATCH: { kind: 'config', retryable: false, hint: 'Make model.yaml and the model agree on names, types and shapes.' },
  MW_RUNTIME_MISSING: {
    kind: 'config',
    retryable: false,
    hint: 'Install it beside modelwatch: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node',
  },
})
