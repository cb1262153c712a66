import { defineErrors } from '../../../core/errors.ts'

export const chunkErrors = defineErrors({
  MW_STORE_CHUNK: {
    kind: 'internal',
    retryable: false,
    hint: 'The bytes are damaged, or were written by a newer version. Other chunks are not touched by it; check the disk.',
  },
})
