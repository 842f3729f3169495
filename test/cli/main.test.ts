import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { algorithms } from '../../src/models/registry.ts'
import { aurochs, aurochsInTurn } from './aurochs.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

test('--version and --help are answered on stdout', async () => {
  expect(await aurochs('--version')).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: '' })
  const help = await aurochs('--help')
  expect(help).toMatchObject({ status: 0, stderr: '' })
  expect(help.stdout).toContain('Usage: aurochs')
})

test('what nobody knows is refused with exit code 2', async () => {
  const option = await aurochs('--nonsense')
  expect(option).toMatchObject({ status: 2, stdout: '' })
  expect(option.stderr).toContain("unknown option '--nonsense'\n(add --help for the options)")
})

test('the help of commands that train lists the options of all algorithms, with defaults', async () => {
  const helps = await aurochsInTurn(...['train', 'evaluate', 'demo'].map(command => [command, '--help']))
  for (const { status, stdout } of helps) {
    expect(status).toBe(0)
    // Lines are broken to fit a terminal.
    const help = stdout.replace(/\s+/g, ' ')
    for (const { name, summary, options } of algorithms) {
      const defaults = options.parse({}) as Readonly<Record<string, unknown>>
      for (const [key, option] of Object.entries(options.shape)) {
        const flag = `--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
        expect(help, name).toContain(`${flag} <`)
        expect(help, `${name} ${flag}`).toContain(option.description!.replace(/\s+/g, ' '))
        if (defaults[key] === undefined) continue
        // Those of all algorithms that have it, up to the next flag.
        const from = help.slice(help.indexOf(`${flag} <`) + 1)
        expect(from.slice(0, from.search(/ --?[a-z-]+ (<|[a-z])| Training of /)), `${name} ${flag}`).toContain(
          `(default: ${defaults[key]})`,
        )
      }
      if (stdout !== helps[2]!.stdout) expect(help).toContain(`${name} ${summary}`)
    }
  }
})

test('the help of one model has its options alone', async () => {
  const [one, two] = await aurochsInTurn(
    ['train', '--model', 'bpr', '--help'],
    ['tune', '--model=ease,popular', '--help'],
  )
  expect(one!.stdout).toContain('Training of bpr:')
  expect(one!.stdout).toMatch(/--factors <number> +dimensions of the factors, 1 to 1023/)
  expect(one!.stdout).not.toMatch(/--similarity <|Training of als/)
  expect(two!.stdout).toContain('--candidates <number>')
  expect(two!.stdout).not.toContain('--learning-rate <')
})

test('each command explains itself', async () => {
  const { stdout } = await aurochs('--help')
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, name]) => name!)
  expect(commands).toEqual(expect.arrayContaining(['import', 'train', 'evaluate', 'recommend', 'similar', 'serve']))
  const helps = await aurochsInTurn(...commands.map(command => [command, '--help']))
  for (const [at, { status, stdout, stderr }] of helps.entries()) {
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain(`Usage: aurochs ${commands[at]}`)
  }
})
