/**
 * Installs and builds what is missing or out of date, and nothing else: `npm start`, `npm test` and `npm run bench`
 * begin here. Imports only what Node brings, since on a fresh clone there is nothing else.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
process.chdir(root)

// Not `npm ci`: it refuses a lock file made where other platforms' optional binaries cannot be seen. Versions are exact.
step('installing packages', ['package-lock.json', 'package.json'], 'node_modules', 'npm', [
  ...['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'],
])
if (spawnSync('cargo', ['--version']).status !== 0) {
  fail('cargo was not found: install Rust from https://rustup.rs, then run this again')
}
step(
  'building the Rust core (the first time this takes minutes)',
  ['Cargo.toml', 'Cargo.lock', 'crates/**/*.{rs,toml}'],
  'dist/native',
  'npx',
  [
    ...['napi', 'build', '--release', '--platform', '--no-js', '--manifest-path', 'crates/node/Cargo.toml'],
    ...['--output-dir', 'dist/native', '--dts', '../../src/binding.d.ts'],
  ],
)
step('compiling TypeScript', ['tsconfig.json', 'src/**/*'], 'dist/cli', 'npx', ['tsc', '-p', 'src'], () => {
  // What was compiled from files that are no more must not be packed.
  for (const old of globSync('dist/*').filter(path => basename(path) !== 'native')) rmSync(old, { recursive: true })
})
cpSync('src/binding.d.ts', 'dist/binding.d.ts')

/** Runs `command` unless `product` was made from these very `sources` before. */
function step(
  title: string,
  sources: string[],
  product: string,
  command: string,
  args: string[],
  clear?: () => void,
): void {
  const stamp = `${product}/.made-from`
  const sum = fingerprint(sources)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sum) return
  process.stderr.write(`${title} …\n`)
  clear?.()
  const { status } = spawnSync(command, args, { stdio: ['ignore', 2, 2] })
  if (status !== 0) fail(`${title} failed: ${command} ${args.join(' ')}`)
  mkdirSync(product, { recursive: true })
  writeFileSync(stamp, sum)
}

/** One hash over the names and contents of all files that match. */
function fingerprint(patterns: string[]): string {
  const hash = createHash('sha256').update(process.platform + process.arch)
  for (const file of patterns.flatMap(pattern => globSync(pattern)).sort()) {
    if (/\.[a-z]+$/.test(file)) hash.update(file).update(readFileSync(file))
  }
  return hash.digest('hex')
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
