import { defineErrors } from '../../../../core/errors.ts'

export const admissionErrors = defineErrors({
  MW_GATEWAY_OVERLOADED: {
    kind: 'overloaded',
    retryable: true,
    hint: 'Back off and retry, start more gateways, or raise serving.requests_max or serving.loop_delay_max.',
  },
  MW_TIMEOUT_INVALID: {
    kind: 'invalid',
    retryable: false,
    hint: 'Send Request-Timeout as 250ms, as 2s, or as a number of seconds above zero; or leave it out.',
  },
})
