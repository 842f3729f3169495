import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from '../storage/folder.ts'

/** A package whose packages, Rust core and TypeScript are made by shell scripts in place of npm and npx. */
function packageBuiltBy({ npm, npx }: { readonly npm: string; readonly npx: string }): string {
  const folder = freshFolder()
  for (const name of ['.ci', 'bin', 'src', 'dist']) mkdirSync(join(folder, name))
  copyFileSync(join(import.meta.dirname, '../../.ci/prepare.ts'), join(folder, '.ci/prepare.ts'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'src/binding.d.ts'), '')
  for (const [name, text] of Object.entries({ npm, npx })) {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(folder, 'bin', name), 0o755)
  }
  return folder
}

const steps = [
  'installing packages …\n',
  'building the Rust core (the first time this takes minutes) …\n',
  'compiling TypeScript …\n',
]
const talkative = 'for at in 1 2 3; do echo "   Compiling crate-$at"; echo "warning $at" >&2; done'

function prepare(folder: string) {
  const env = { PATH: [join(folder, 'bin'), dirname(process.execPath), '/bin', '/usr/bin'].join(delimiter) }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['.ci/prepare.ts'], {
    cwd: folder,
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('says what is made, once, and nothing of what the tools print; what is up to date is not made again', () => {
  const folder = packageBuiltBy({ npm: talkative, npx: talkative })
  expect(prepare(folder)).toEqual({ status: 0, stdout: '', stderr: steps.join('') })
  expect(prepare(folder)).toEqual({ status: 0, stdout: '', stderr: '' })
})

test('shows all that a tool printed when it fails', () => {
  const { status, stdout, stderr } = prepare(packageBuiltBy({ npm: '', npx: `${talkative}; exit 101` }))
  expect([status, stdout]).toEqual([1, ''])
  for (const line of ['   Compiling crate-1', '   Compiling crate-3', 'warning 3'])
    expect(stderr).toContain(`${line}\n`)
  expect(stderr).toMatch(
    /\nbuilding the Rust core \(the first time this takes minutes\) failed \(101\): npx napi build .+\n$/,
  )
})
