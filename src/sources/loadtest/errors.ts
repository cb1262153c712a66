import { defineErrors } from '../../core/errors.ts'

export const loadtestErrors = defineErrors({
  MW_REPLAY_UNREACHABLE: {
    kind: 'unavailable',
    retryable: true,
    hint: 'Start the gateway first, for instance with "npm start", or name its address with --url.',
  },
  MW_REPLAY_MODEL: { kind: 'config', retryable: false, hint: 'Name one of the served models with --model.' },
  MW_REPLAY_EMPTY: { kind: 'config', retryable: false, hint: 'Name a file with at least one row.' },
  MW_REPLAY_OPTIONS: { kind: 'config', retryable: false, hint: 'Correct the value; "modelwatch replay --help" says what it may be.' },
})
