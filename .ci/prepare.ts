/**
 * Installs and builds what is missing or out of date, and nothing else. Imports only what Node brings, since on a fresh
 * clone there is nothing else.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'

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
await bringUpToDate({
  title: 'installing packages',
  sources: ['package-lock.json', 'package.json'],
  product: 'node_modules',
  command: 'npm install --no-save --no-audit --no-fund --loglevel=error',
})
await bringUpToDate({
  title: 'building the Rust core (the first time this takes minutes)',
  sources: ['Cargo.toml', 'Cargo.lock', 'crates/**/*.{rs,toml}'],
  product: 'dist/native',
  command:
    'npx napi build --release --platform --no-js --manifest-path crates/node/Cargo.toml ' +
    '--output-dir dist/native --dts ../../src/binding.d.ts',
})
await bringUpToDate({
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
// What the compiler leaves: the styles, the document and the icon of the page.
for (const path of globSync('src/**/*.{html,css,svg}')) cpSync(path, path.replace(/^src/, 'dist'))

/**
 * Runs the step's command unless its product was made from these very sources before. What the command prints is shown
 * when it fails; on a terminal its last line stands meanwhile behind the title.
 */
async function bringUpToDate({ title, sources, product, command, clear }: Step): Promise<void> {
  const stamp = `${product}/.made-from`
  const sum = fingerprint(sources)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sum) return
  const { isTTY, columns = 80 } = process.stderr
  process.stderr.write(`${title} …${isTTY ? '' : '\n'}`)
  clear?.()
  const [program = '', ...args] = command.split(' ')
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  const show = (chunk: string) => {
    printed += chunk
    const line = stripVTControlCharacters(
      printed
        .trimEnd()
        .split(/[\r\n]/)
        .at(-1) ?? '',
    ).trim()
    if (isTTY) process.stderr.write(`\r\x1b[K${`${title} … ${line}`.slice(0, columns - 1)}`)
  }
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', show)
  const status = await new Promise<number | string>(resolve => {
    child.on('error', error => resolve(error.message))
    child.on('close', (code, signal) => resolve(code ?? signal ?? ''))
  })
  if (isTTY) process.stderr.write(`\r\x1b[K${title} …\n`)
  if (status !== 0) {
    process.stderr.write(`${printed}${title} failed (${status}): ${command}\n`)
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
