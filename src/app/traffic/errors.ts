import { defineErrors } from '../../core/errors.ts'

export const rolloutErrors = defineErrors({
  MW_TRAFFIC_MODEL_UNKNOWN: {
    kind: 'not_found',
    retryable: false,
    hint: 'Name a model as its model.yaml does, and with --dir the folder of its modelwatch.yaml.',
  },
  MW_DEPLOY_SOURCE: {
    kind: 'config',
    retryable: false,
    hint: 'Name a folder with a model file, and as you have them reference.json, golden.json and revision.yaml.',
  },
  MW_DEPLOY_NAME_INVALID: {
    kind: 'config',
    retryable: false,
    hint: 'Name it with at most 64 letters, digits, dots, underscores and hyphens, beginning with a letter or a digit.',
  },
  MW_DEPLOY_NAME_TAKEN: {
    kind: 'conflict',
    retryable: false,
    hint: 'A revision never changes: choose another name with --name, or leave it out for one made from the date.',
  },
  MW_DEPLOY_COPY_FAILED: {
    kind: 'internal',
    retryable: true,
    hint: 'Nothing was changed. Make room, or see that the folder of the model may be written to, and deploy again.',
  },
  MW_TAKEOVER_FAILED: {
    kind: 'internal',
    retryable: false,
    hint: 'What served before still serves there. "modelwatch rollback MODEL" makes that the rule; or mend the cause and deploy under a new name.',
  },
  MW_TAKEOVER_TIMEOUT: {
    kind: 'timeout',
    retryable: true,
    hint: 'The change stands, and they may still take it over: look with "modelwatch revisions MODEL", or wait longer with --timeout.',
  },
})
