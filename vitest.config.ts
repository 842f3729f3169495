import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { defineConfig, type Plugin } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

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

/**
 * Files that take longest: without the times of an earlier run vitest begins with the files that have the most bytes, and one
 * worker would be left with one of these in the end.
 */
const longest = ['models/contract', 'cli/package', 'cli/music-demo', 'serve/page-bar', 'bench/stream', 'ci/readme']

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => longest.some(name => moduleId.endsWith(`${name}.test.ts`))
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter(file => !isLong(file))]
  }
}

// Many tests start whole processes, on machines that may be busy: the limit is for what hangs, not for what is slow.
export default defineConfig({
  plugins: [compiledSources],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global-setup.ts',
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000, interval: 20 } },
    // One more than the least machine has cores: many tests wait, for processes and for times to come.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    server: { deps: { external: [/\/dist\//] } },
  },
})
