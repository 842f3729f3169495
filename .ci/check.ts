/** Checks format, lint, types and structure: runs every check even where one fails, and exits 1 if one did. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

process.chdir(join(import.meta.dirname, '..'))
const checks = [
  'npx biome ci .',
  'npx tsc --noEmit',
  'node .ci/structure.ts',
  'cargo fmt --all --check',
  'cargo clippy --workspace --all-targets --quiet -- -D warnings',
]
for (const check of checks) {
  const [program = '', ...args] = check.split(' ')
  const { status } = spawnSync(program, args, { stdio: 'inherit' })
  if (status === 0) continue
  process.stderr.write(`failed: ${check}\n`)
  process.exitCode = 1
}
