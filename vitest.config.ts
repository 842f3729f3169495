import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { defineConfig, type Plugin } from 'vitest/config'

const source = join(import.meta.dirname, 'src/')
const compiled = join(import.meta.dirname, 'dist/')

/**
 * Has tests import what global-setup.ts compiles, as Node loads it: what they import themselves, and the hundreds of worker
 * threads that this starts, then need not be transformed each time.
 */
const compiledSources: Plugin = {
  name: 'compiled-sources',
  enforce: 'pre',
  resolveId(id, importer) {
    if (importer === undefined || !id.startsWith('.')) return
    const path = join(dirname(importer), id)
    if (!path.startsWith(source)) return
    const file = compiled + path.slice(source.length).replace(/\.ts$/, '.js')
    return existsSync(file) ? file : undefined
  },
}

// Many tests start whole processes, on machines that may be busy: the limit is for what hangs, not for what is slow.
export default defineConfig({
  plugins: [compiledSources],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global-setup.ts',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    server: { deps: { external: [/\/dist\//] } },
  },
})
