/**
 * `node .ci/setup.mjs [PROGRAM [ARGUMENT]…]` sets up what is missing, then runs PROGRAM on a Node that will do: the one
 * at hand, or else one that npx brings. Every script of package.json begins here, so this is plain JavaScript that any
 * Node from 18 reads, and imports only what Node brings.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
process.chdir(root)

if (spawnSync('cargo', ['--version']).status !== 0) {
  fail(
    'Aurochs needs cargo, and cargo --version does not run here: install Rust from https://rustup.rs, then run this again',
  )
}
const node = nodeInRange()
// What the program starts by name, npm above all, must run on the same Node: an older one skips optional packages.
process.env.PATH = `${dirname(node)}${delimiter}${process.env.PATH}`

await run('.ci/prepare.ts')
const [program, ...args] = process.argv.slice(2)
if (program !== undefined) await run(program, ...args)

/** The path of a Node in the range that package.json states for development: what is packed runs on more of them. */
function nodeInRange() {
  const range = JSON.parse(readFileSync('package.json', 'utf8')).devEngines.runtime.version
  const [, major, minor, end] = /^>=(\d+)\.(\d+) <(\d+)$/.exec(range).map(Number)
  const inRange = version => {
    const [ours, oursMinor] = version.slice(1).split('.').map(Number)
    return (ours > major || (ours === major && oursMinor >= minor)) && ours < end
  }
  if (inRange(process.version)) return process.execPath

  process.stderr.write(
    `Aurochs needs Node ${range} and this is ${process.version}: going on under Node ${major}, which npx brings.\n`,
  )
  const { stdout } = spawnSync(
    'npx',
    ['--yes', `--package=node@${major}`, '--', 'node', '--print', '[process.version, process.execPath].join(" ")'],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const [version, path] = /^(v\S+) (.+)$/m.exec(stdout ?? '')?.slice(1) ?? []
  if (path !== undefined && inRange(version)) return path
  return fail(
    `npx did not bring Node ${major} (${version ? `it ran ${version}` : 'see above'}): ` +
      `install Node ${major} from https://nodejs.org/en/download, then run this again`,
  )
}

/** Runs a file on the Node found, and returns if it succeeds; else ends as it ended. */
function run(...command) {
  const child = spawn(node, command, { stdio: 'inherit' })
  const forward = signal => {
    // Ctrl-C reaches the child from the terminal itself; twice would mean not to wait for what it has begun.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, forward)
  return new Promise(resolve => {
    child.on('error', error => fail(`${node} cannot be run: ${error.message}`))
    child.on('exit', (status, signal) => {
      for (const each of signals) process.off(each, forward)
      if (status === 0) resolve()
      else if (signal) process.kill(process.pid, signal)
      else process.exit(status)
    })
  })
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
