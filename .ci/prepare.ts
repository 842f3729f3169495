/**
 * Installs and builds what is missing or out of date, and nothing else. Imports only what Node brings, since on a fresh
 * clone there is nothing else.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Step {
  readonly title: string
  /** Globs of the files that the product is made from. */
  readonly sources: readonly string[]
  /** The folder that is made; a stamp in it says from which sources. */
  readonly product: string
  readonly command: string
  /** Called before the command, where the product must not keep files of an earlier build. */
  readonly clear?: () => void
}

process.chdir(dirname(dirname(fileURLToPath(import.meta.url))))

// Not `npm ci`: it refuses a lock file made where other platforms' optional binaries cannot be seen. Versions are exact.
bringUpToDate({
  title: 'installing packages',
  sources: ['package-lock.json', 'package.json'],
  product: 'node_modules',
  command: 'npm install --no-save --no-audit --no-fund --loglevel=error',
})
bringUpToDate({
  title: 'building the Rust core (the first time this takes minutes)',
  sources: ['Cargo.toml', 'Cargo.lock', 'crates/**/*.{rs,toml}'],
  product: 'dist/native',
  command:
    'npx napi build --release --platform --no-js --manifest-path crates/node/Cargo.toml ' +
    '--output-dir dist/native --dts ../../src/binding.d.ts',
})
bringUpToDate({
  title: 'compiling TypeScript',
  sources: ['tsconfig.json', 'src/**/*'],
  product: 'dist/cli',
  command: 'npx tsc -p src',
  clear: () => {
    // What was compiled from files that are no more must not be packed.
    for (const old of globSync('dist/*').filter(path => basename(path) !== 'native')) rmSync(old, { recursive: true })
  },
})
cpSync('src/binding.d.ts', 'dist/binding.d.ts')

/** Runs the step's command unless its product was made from these very sources before. */
function bringUpToDate({ title, sources, product, command, clear }: Step): void {
  const stamp = `${product}/.made-from`
  const sum = fingerprint(sources)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sum) return
  process.stderr.write(`${title} …\n`)
  clear?.()
  const [program = '', ...args] = command.split(' ')
  const { status } = spawnSync(program, args, { stdio: ['ignore', 2, 2] })
  if (status !== 0) {
    process.stderr.write(`${title} failed: ${command}\n`)
    process.exit(1)
  }
  mkdirSync(product, { recursive: true })
  writeFileSync(stamp, sum)
}

/** One hash over the names and contents of all files that match. */
function fingerprint(patterns: readonly string[]): string {
  const hash = createHash('sha256').update(process.platform + process.arch)
  for (const file of patterns.flatMap(pattern => globSync(pattern)).sort()) {
    if (/\.[a-z]+$/.test(file)) hash.update(file).update(readFileSync(file))
  }
  return hash.digest('hex')
}
