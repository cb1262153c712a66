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
    hint: 'Back off and retry, start more gateways, give the model more threads, or raise serving.rows_waiting_max or serving.wait_max.',
  },
  MW_MODEL_TWICE: {
    kind: 'config',
    retryable: false,
    hint: 'Give one of them another name in its model.yaml, or move it out of the models folder.',
  },
  MW_REVISION_UNKNOWN: { kind: 'not_found', retryable: false, hint: 'GET /v1/models/MODEL lists the revisions in service.' },
  MW_TAG_UNKNOWN: {
    kind: 'not_found',
    retryable: false,
    hint: 'GET /v1/models/MODEL lists tags; "modelwatch traffic MODEL --set-tag TAG=REVISION" sets one.',
  },
  MW_REVISIONS_FULL: {
    kind: 'overloaded',
    retryable: true,
    hint: 'A revision that tasks no longer ask for leaves after five minutes; or raise serving.revisions_max.',
  },
  MW_GATEWAY_STOPPING: { kind: 'unavailable', retryable: true, hint: 'Send the request to another gateway, or again in a moment.' },
})
