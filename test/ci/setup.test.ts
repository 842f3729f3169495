import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from '../storage/folder.ts'

const [major] = process.versions.node.split('.').map(Number)
const thisNode = `>=${major}.0 <${major! + 1}`
const program = "console.log(JSON.stringify(process.argv.slice(2)), process.env.BROUGHT ?? 'at hand'); process.exit(3)"

/** A package that needs a Node in `range`, where each of `commands` is a shell script that is found by its name. */
function packageWith(range: string, commands: Readonly<Record<string, string>>, text = program): string {
  const folder = freshFolder()
  for (const name of ['.ci', 'bin', 'brought']) mkdirSync(join(folder, name))
  copyFileSync(join(import.meta.dirname, '../../.ci/setup.mjs'), join(folder, '.ci/setup.mjs'))
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', devEngines: { runtime: { name: 'node', version: range } } }),
  )
  writeFileSync(join(folder, '.ci/prepare.ts'), "console.log('prepared')")
  writeFileSync(join(folder, 'program.ts'), text)
  script(join(folder, 'brought/node'), `BROUGHT=1 exec '${process.execPath}' "$@"`)
  for (const [name, text] of Object.entries(commands)) script(join(folder, 'bin', name), text)
  return folder
}

function script(path: string, text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`)
  chmodSync(path, 0o755)
}

function setUp(folder: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['.ci/setup.mjs', 'program.ts', ...args], {
    cwd: folder,
    env: { PATH: join(folder, 'bin') },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('prepares, runs the program with its arguments, and ends as it ends', () => {
  expect(setUp(packageWith(thisNode, { cargo: '' }), '--user', 'a b')).toEqual({
    status: 3,
    stdout: 'prepared\n["--user","a b"] at hand\n',
    stderr: '',
  })
})

test('a missing cargo is told before anything is installed, with how to get it', () => {
  const { status, stdout, stderr } = setUp(packageWith('>=98.4 <99', { npx: 'echo asked; exit 1' }))
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^Aurochs needs cargo, .*: install Rust from https:\/\/rustup\.rs, then run this again\n$/)
})

test('where the Node at hand will not do, says so and goes on under the one that npx brings', () => {
  const folder = packageWith('>=98.4 <99', { cargo: '', npx: 'echo "v98.4.1 $PWD/brought/node"' })
  expect(setUp(folder, '--exit')).toEqual({
    status: 3,
    stdout: 'prepared\n["--exit"] 1\n',
    stderr: `Aurochs needs Node >=98.4 <99 and this is ${process.version}: going on under Node 98, which npx brings.\n`,
  })
})

test.each([
  ['echo "v98.3.9 $PWD/brought/node"', 'it ran v98.3.9'],
  ['echo "v99.0.0 $PWD/brought/node"', 'it ran v99.0.0'],
  ['exit 1', 'see above'],
])('says when npx does not bring that Node: %s', (npx, reason) => {
  const { status, stdout, stderr } = setUp(packageWith('>=98.4 <99', { cargo: '', npx }))
  expect([status, stdout]).toEqual([1, ''])
  expect(stderr.split('\n').at(-2)).toBe(
    `npx did not bring Node 98 (${reason}): install Node 98 from https://nodejs.org/en/download, then run this again`,
  )
})

test.each(['SIGINT', 'SIGTERM'] as const)('hands %s on and waits for the end of the program', async signal => {
  const text = `
    const timer = setInterval(() => {}, 1000)
    process.once('${signal}', () => { console.log('ending'); clearInterval(timer) })
    console.log('ready')`
  const folder = packageWith(thisNode, { cargo: '' }, text)
  const child = spawn(process.execPath, ['.ci/setup.mjs', 'program.ts'], {
    cwd: folder,
    env: { PATH: join(folder, 'bin') },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text
    if (printed.endsWith('ready\n')) child.kill(signal)
  })
  expect(await once(child, 'close')).toEqual([0, null])
  expect(printed).toBe('prepared\nready\nending\n')
})
