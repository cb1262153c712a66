import { defineErrors } from '../../../core/errors.ts'

export const blockErrors = defineErrors({
  MW_STORE_BLOCK_DAMAGED: {
    kind: 'internal',
    retryable: false,
    hint: 'Look at the disk. The block is set aside in the quarantine folder and everything else is served; restore it from a snapshot if you have one.',
  },
  MW_STORE_BLOCK_VERSION: {
    kind: 'unsupported',
    retryable: false,
    hint: 'The block was written by a newer modelwatch: start that version on this folder, or name another folder.',
  },
  MW_STORE_BLOCK_IO: {
    kind: 'unavailable',
    retryable: true,
    hint: 'Look at the disk and at the rights of the folder; what was there before is untouched, and it is tried again.',
  },
  MW_STORE_DISK_FULL: {
    kind: 'unavailable',
    retryable: true,
    hint: 'Make room on the disk, or raise its quota; what was there before is untouched, and it is tried again by itself.',
  },
  MW_STORE_BLOCK_RETIRED: {
    kind: 'conflict',
    retryable: true,
    hint: 'Ask again: the block was replaced or deleted meanwhile, and the set of blocks says what stands in its place.',
  },
})
