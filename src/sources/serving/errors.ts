import { defineErrors } from '../../core/errors.ts'

export const servingErrors = defineErrors({
  MW_INPUT_INVALID: { kind: 'invalid', retryable: false, hint: 'Correct the fields named in detail; /docs shows what the model takes.' },
  MW_BODY_INVALID: { kind: 'invalid', retryable: false, hint: 'Send one row as a JSON object, or many as {"rows": [ … ]}.' },
  MW_BODY_TOO_LARGE: { kind: 'invalid', retryable: false, hint: 'Send fewer rows at a time, or raise serving.body_bytes_max.' },
  MW_BODY_TYPE: { kind: 'invalid', retryable: false, hint: 'Set the header content-type: application/json.' },
  MW_ROUTE_UNKNOWN: { kind: 'not_found', retryable: false, hint: 'The page /docs lists the addresses of this gateway.' },
  MW_MODEL_UNKNOWN: { kind: 'not_found', retryable: false, hint: 'GET /v1/models lists the models served here.' },
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
  MW_MODEL_UNREADABLE: { kind: 'config', retryable: false, hint: 'Export the model again; an ONNX file is written whole or not at all.' },
  MW_MODEL_MISMATCH: { kind: 'config', retryable: false, hint: 'Make model.yaml and the model agree on names, types and shapes.' },
  MW_RUNTIME_MISSING: {
    kind: 'config',
    retryable: false,
    hint: 'Install it beside modelwatch: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node',
  },
  MW_GATEWAY_BUSY: {
    kind: 'overloaded',
    retryable: true,
    hint: 'Back off and retry, start more gateways, or raise serving.rows_waiting_max.',
  },
  MW_GATEWAY_STOPPING: { kind: 'unavailable', retryable: true, hint: 'Send the request to another gateway, or again in a moment.' },
})
