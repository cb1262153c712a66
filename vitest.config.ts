import { defineConfig } from 'vitest/config'

/** Two projects: `unit` stands beside its files and needs nothing; `e2e` starts the built command and real peers. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          env: { ORT_DISABLE_TELEMETRY: '1' }, // As the command has it.
          include: ['src/**/*.test.ts', 'ui/**/*.test.ts', 'examples/**/*.test.ts', 'test/{house,drift,crash}/**/*.test.ts'],
        },
      },
      { test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], testTimeout: 180_000, hookTimeout: 60_000, fileParallelism: false } },
    ],
  },
})
