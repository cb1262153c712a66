import { defineErrors } from '../../../core/errors.ts'

export const runtimeErrors = defineErrors({
  MW_INPUT_UNFIT: { kind: 'invalid', retryable: false, hint: 'Send a value that the model can compute with; its message names the bound.' },
  MW_MODEL_UNREADABLE: {
    kind: 'config',
    retryable: false,
    hint: 'Export the model again, whole; where it is a module, make it run by itself.',
  },
  MW_MODEL_MISMATCH: { kind: 'config', retryable: false, hint: 'Make model.yaml and the model agree on names, types and shapes.' },
  MW_MODEL_ANSWER: {
    kind: 'internal',
    retryable: false,
    hint: 'Make the model answer what model.yaml says: every output, one value a row; the message names the output and the row.',
  },
  MW_MODEL_DIED: {
    kind: 'internal',
    retryable: false,
    hint: 'The model ended its thread while it computed these rows; the message is its last word. A new thread takes further calls.',
  },
  MW_MODEL_TIMEOUT: {
    kind: 'timeout',
    retryable: false,
    hint: 'Send fewer rows, make the model faster, or raise timeout under runtime: in revision.yaml.',
  },
  MW_MODEL_DOWN: {
    kind: 'unavailable',
    retryable: true,
    hint: 'These rows did not reach the model. Its threads are started again, more slowly each time; the log says why they died.',
  },
  MW_MODEL_BUSY: { kind: 'overloaded', retryable: true, hint: 'Back off and retry, or give the model more threads.' },
  MW_DEADLINE_PASSED: {
    kind: 'timeout',
    retryable: false,
    hint: 'These rows did not reach the model: they waited for longer than their answer was wanted.',
  },
  MW_RUNTIME_MISSING: {
    kind: 'config',
    retryable: false,
    hint: 'Install it beside modelwatch: ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node',
  },
})
