import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { compileCache } from './test/support/compile-cache.ts'

process.env.NODE_COMPILE_CACHE ??= compileCache() // Handed on to every process that a test starts.

/** On a busy machine things take long. What must not happen is waited for no longer by this, and what must is seen at once. */
const patient = { testTimeout: 30_000, hookTimeout: 60_000, expect: { poll: { timeout: 10_000, interval: 20 } } }

/**
 * Three projects: `unit` stands beside its files and needs nothing; `crash` ends processes at random instants, one file at a time, for what a
 * process does before its end depends on the time it gets; `e2e` starts the built command and real peers.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...patient,
          name: 'unit',
          env: { ORT_DISABLE_TELEMETRY: '1' }, // As the command has it.
          include: ['src/**/*.test.ts', 'ui/**/*.test.ts', 'examples/**/*.test.ts', 'test/{house,drift}/**/*.test.ts'],
          maxWorkers: availableParallelism() + 1, // Many wait, for a disk or another process: one more than there are processors.
        },
      },
      { test: { ...patient, name: 'crash', include: ['test/crash/**/*.test.ts'], fileParallelism: false, sequence: { groupOrder: 1 } } },
      {
        test: {
          ...patient,
          name: 'e2e',
          env: { NODE_DISABLE_COMPILE_CACHE: '1' }, // The command as a user has it.
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          maxWorkers: 2, // The story of a drift waits for its windows most of the time: the others go on beside it.
        },
      },
    ],
  },
})
