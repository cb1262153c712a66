import { defineErrors } from '../../../core/errors.ts'

/** What a revision can fail to prove before it serves. */
export const proofErrors = defineErrors({
  MW_GOLDEN_MISMATCH: {
    kind: 'gate',
    retryable: false,
    hint: 'The model does not answer what golden.json says it must: see that it is the right file, or make golden.json anew where it was trained.',
  },
  MW_DIGEST_MISMATCH: {
    kind: 'gate',
    retryable: false,
    hint: 'The model file is not the one that revision.yaml was written for: copy it again, or write its digest anew.',
  },
  MW_DEPENDENCY_MISMATCH: {
    kind: 'gate',
    retryable: false,
    hint: 'Install a version that revision.yaml asks for, or widen the range there and see that its golden rows still hold.',
  },
})
