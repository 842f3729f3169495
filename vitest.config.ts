import { defineConfig } from 'vitest/config'

// Many tests start whole processes, on machines that may be busy: the limit is for what hangs, not for what is slow.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global-setup.ts',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
})
