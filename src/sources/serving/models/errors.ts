import { defineErrors } from '../../../core/errors.ts'

export const modelErrors = defineErrors({
  MW_MODEL_FAILED: {
    kind: 'internal',
    retryable: false,
    hint: 'The row reached the model and the model refused it; its message is the cause.',
  },
  MW_MODEL_PACKAGE: {
    kind: 'config',
    retryable: false,
    hint: 'A model is a folder with model.yaml and revisions/NAME/model.onnx.',
  },
  MW_GATEWAY_BUSY: {
    kind: 'overloaded',
    retryable: true,
    hint: 'Back off and retry, start more gateways, or raise serving.rows_waiting_max.',
  },
  MW_GATEWAY_STOPPING: { kind: 'unavailable', retryable: true, hint: 'Send the request to another gateway, or again in a moment.' },
})
