import { defineConfig } from 'vitest/config'

// Many tests start processes, which takes its time where the machine is busy; none of them measures time.
export default defineConfig({ test: { testTimeout: 120_000, hookTimeout: 120_000 } })
