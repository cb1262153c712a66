import { defineErrors } from '../../../../core/errors.ts'

export const upstreamErrors = defineErrors({
  MW_UPSTREAM_UNAVAILABLE: {
    kind: 'unavailable',
    retryable: true,
    hint: 'Look whether the server named in upstream.yaml runs and can be reached from here.',
  },
  MW_UPSTREAM_BUSY: {
    kind: 'overloaded',
    retryable: true,
    hint: 'The server named in upstream.yaml asks for fewer requests: lower connections, or give it more room.',
  },
  MW_UPSTREAM_REFUSED: {
    kind: 'invalid',
    retryable: false,
    hint: 'The server behind this model refuses the input; its own words stand in the message.',
  },
  MW_UPSTREAM_FAILED: {
    kind: 'internal',
    retryable: false,
    hint: 'Look into the log of the server named in upstream.yaml; its own words stand in the message.',
  },
  MW_UPSTREAM_ANSWER: {
    kind: 'internal',
    retryable: false,
    hint: 'Make upstream.yaml and model.yaml say what the server answers: where each output stands, and of what type it is.',
  },
})
