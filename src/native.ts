/**
 * The only loader of the Rust binding. `binding.d.ts` beside this file is written by the build from the Rust sources
 * (crates/node), doc comments included.
 */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type * as Binding from './binding.d.ts'

const platform = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-gnu' : process.platform === 'win32' ? '-msvc' : ''}`
// Sources run in place (src/native.ts) as well as compiled (dist/native.js): both find dist/native.
const file = new URL(`../dist/native/index.${platform}.node`, import.meta.url)

/** The kernels, and files as memory. */
export const native: typeof Binding = load()

function load(): typeof Binding {
  try {
    return createRequire(import.meta.url)(fileURLToPath(file))
  } catch (cause) {
    throw new Error(
      `the native core of Aurochs for ${platform} could not be loaded from ${fileURLToPath(file)}: ` +
        `in a clone, run \`npm run build\` (it needs cargo); from npm, reinstall on this platform`,
      { cause },
    )
  }
}
