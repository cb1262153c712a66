import { defineErrors } from '../../../core/errors.ts'

export const gatewayErrors = defineErrors({
  MW_INPUT_INVALID: { kind: 'invalid', retryable: false, hint: 'Correct the fields named in detail; /docs shows what the model takes.' },
  MW_BODY_INVALID: { kind: 'invalid', retryable: false, hint: 'Send one row as a JSON object, or many as {"rows": [ … ]}.' },
  MW_BODY_TOO_LARGE: {
    kind: 'invalid',
    retryable: false,
    hint: 'Send fewer rows at a time, or smaller pictures, or raise serving.body_bytes_max.',
  },
  MW_BODY_TYPE: {
    kind: 'invalid',
    retryable: false,
    hint: 'Send JSON in UTF-8, uncompressed, with the header content-type: application/json.',
  },
  MW_HEADER_INVALID: {
    kind: 'invalid',
    retryable: false,
    hint: 'Send each header once or not at all, and name one tag or one revision; docs/serving.md says what they mean.',
  },
  MW_REQUEST_INVALID: {
    kind: 'invalid',
    retryable: false,
    hint: 'Send HTTP/1.1 in plain text to this port; TLS ends at a proxy before it.',
  },
  MW_REQUEST_SLOW: { kind: 'timeout', retryable: true, hint: 'Send the whole request at once, or raise serving.request_timeout.' },
  MW_PIPELINE_FULL: {
    kind: 'overloaded',
    retryable: true,
    hint: 'Read each answer before the next request is sent on its connection; for more at a time, open more connections.',
  },
  MW_INTERNAL: {
    kind: 'internal',
    retryable: false,
    hint: 'Look for the cause in the log of the gateway, at the time of the request; it is a fault of modelwatch or of what runs it, not of the request.',
  },
  MW_ROUTE_UNKNOWN: { kind: 'not_found', retryable: false, hint: 'The page /docs lists the addresses of this gateway.' },
  MW_MODEL_UNKNOWN: { kind: 'not_found', retryable: false, hint: 'GET /v1/models lists the models served here.' },
})
