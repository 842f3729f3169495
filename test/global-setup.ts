import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Compiles what is out of date: tests of the command run what is packed. */
export function setup(): void {
  execFileSync(process.execPath, ['.ci/prepare.ts'], { stdio: 'inherit' })
  // Hundreds of processes and threads load the same modules.
  process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, '../node_modules/.cache/aurochs-test')
}
