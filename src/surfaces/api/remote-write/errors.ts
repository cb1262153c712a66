import { defineErrors } from '../../../core/errors.ts'

export const remoteWriteErrors = defineErrors({
  MW_REMOTE_WRITE_BODY: {
    kind: 'invalid',
    retryable: false,
    hint: 'Send a prometheus.WriteRequest of remote write 1.0 as protobuf, compressed as one snappy block.',
  },
  MW_REMOTE_WRITE_TOO_LARGE: { kind: 'invalid', retryable: false, hint: 'Send fewer samples in one request.' },
  MW_REMOTE_WRITE_MEDIA: {
    kind: 'unsupported',
    retryable: false,
    hint: 'Use remote write 1.0: application/x-protobuf with prometheus.WriteRequest, in snappy.',
  },
  MW_REMOTE_WRITE_REFUSED: {
    kind: 'invalid',
    retryable: false,
    hint: 'The samples that are not named are stored; do not send the same ones again.',
  },
  MW_REMOTE_WRITE_DISABLED: { kind: 'not_found', retryable: false, hint: 'Start the monitor with --web.enable-remote-write-receiver.' },
  MW_REMOTE_WRITE_SLOW: { kind: 'timeout', retryable: true, hint: 'Look at the network between the sender and this server.' },
  MW_REMOTE_WRITE_BUSY: {
    kind: 'unavailable',
    retryable: true,
    hint: 'Send again a little later; remote-write senders do so by themselves.',
  },
})
