import { defineErrors } from '../../../../core/errors.ts'

export const redisQueueErrors = defineErrors({
  MW_QUEUE_REDIS_EVICTS: {
    kind: 'config',
    retryable: false,
    hint: 'Set maxmemory-policy to noeviction: full memory is then an error that a client hears of, not a task that is gone.',
  },
  MW_QUEUE_REDIS_VERSION: {
    kind: 'config',
    retryable: false,
    hint: 'Use Redis 6.2 or newer, or any Valkey.',
  },
})
