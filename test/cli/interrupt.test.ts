import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { checkerboard, datasetOf } from '../models/interactions.ts'
import { smallModel } from '../models/small-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { main } from './aurochs.ts'

/** `aurochs` in a process of its own, whose workspaces go into `folder`. */
class Run {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''

  constructor(folder: string, args: readonly string[]) {
    this.child = spawn(process.execPath, [main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: folder },
    })
    this.child.stdout!.on('data', data => {
      this.stdout += data
    })
    this.child.stderr!.on('data', data => {
      this.stderr += data
    })
  }

  /** Waits until `isThere`, sends the signal, and gives the exit code or else the signal that ended the process. */
  async end(signal: NodeJS.Signals, isThere: () => boolean): Promise<number | NodeJS.Signals> {
    const closed = once(this.child, 'close')
    while (!isThere()) {
      if (this.child.exitCode !== null) throw new Error(`ended with ${this.child.exitCode}: ${this.stderr}`)
      await wait(5)
    }
    this.child.kill(signal)
    const [code, by] = await closed
    return code ?? by
  }
}

const signals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const

/** Longer than any test. */
const epochs = ['--epochs', '100000', '--threads', '1']

describe.each(signals)('%s', (signal, exitCode) => {
  test('ends an import, of which nothing remains', async () => {
    const folder = freshFolder()
    const query = 'select range % 1000003 as u, range % 1009 as i from range(100000000000)'
    const run = new Run(folder, [
      'import',
      '--query',
      query,
      '--user',
      'u',
      '--item',
      'i',
      '--out',
      join(folder, 'out'),
    ])
    expect(await run.end(signal, () => readdirSync(folder).length > 0)).toBe(exitCode)
    expect([run.stdout, run.stderr]).toEqual(['', 'aurochs: interrupted: nothing was written\n'])
    expect(readdirSync(folder)).toEqual([])
  })

  test('ends a training, and the model so far is saved', async () => {
    const { directory } = await datasetOf(checkerboard(60))
    const folder = freshFolder()
    const run = new Run(folder, ['train', directory, '--out', join(folder, 'model'), ...epochs, '--no-tune', '--json'])
    expect(await run.end(signal, () => run.stdout !== '')).toBe(exitCode)
    expect(run.stderr).toMatch(/^aurochs: interrupted after epoch \d+; --resume goes on from there\n$/)
    expect(readdirSync(folder)).toEqual(['model'])
  })

  test('ends a search, whose trials stay', async () => {
    const { directory } = await datasetOf(checkerboard(60))
    const [folder, out] = [freshFolder(), join(freshFolder(), 'search')]
    const run = new Run(folder, ['tune', directory, '--out', out, '--factors', '2', '--epochs', '3', '--budget', '1h'])
    expect(await run.end(signal, () => existsSync(join(out, 'best.json')))).toBe(exitCode)
    const message = `aurochs: interrupted: trials that ended are in ${out}, and the same command goes on from there\n`
    expect([run.stdout, run.stderr]).toEqual(['', message])
    expect(readdirSync(folder)).toEqual([])
  })

  test('ends an evaluation, whose folder goes with it', async () => {
    const { directory } = await datasetOf(checkerboard(60))
    const folder = freshFolder()
    const asked = ['evaluate', '--train', directory, '--split', 'random:0.1', '--model', 'als', ...epochs, '--no-tune']
    const run = new Run(folder, asked)
    const isTraining = () => readdirSync(folder).some(workspace => existsSync(join(folder, workspace, 'train')))
    expect(await run.end(signal, isTraining)).toBe(exitCode)
    expect([run.stdout, run.stderr]).toEqual(['', 'aurochs: interrupted: nothing was written\n'])
    expect(readdirSync(folder)).toEqual([])
  })

  test('ends the demonstration while it makes its sample, trains, and serves', async () => {
    const folder = freshFolder()
    const file = join(freshFolder(), 'likes.csv')
    writeFileSync(file, ['who,what', ...checkerboard(40).map(([user, item]) => `u${user},i${item}`)].join('\n'))
    const writing = new Run(folder, ['demo', '--exit'])
    const isWriting = () => readdirSync(folder).some(made => existsSync(join(folder, made, 'sample.csv.partial')))
    expect(await writing.end(signal, isWriting)).toBe(exitCode)
    expect([writing.stdout, writing.stderr]).toEqual(['', 'aurochs: interrupted: nothing was written\n'])
    const asked = ['demo', file, '--user', 'who', '--item', 'what']
    const training = new Run(folder, [...asked, ...epochs])
    expect(await training.end(signal, () => training.stdout.includes('imported'))).toBe(exitCode)
    expect(training.stderr).toBe('aurochs: interrupted: nothing was written\n')
    const visiting = new Run(folder, [...asked, '--threads', '1', '--epochs', '1'])
    expect(await visiting.end(signal, () => visiting.stdout.includes('serving at'))).toBe(exitCode)
    expect(visiting.stderr).toBe('aurochs: interrupted\n')
    const serving = new Run(folder, [...asked, '--threads', '1', '--epochs', '1'])
    expect(await serving.end(signal, () => serving.stdout.includes('Still serving'))).toBe(0)
    expect(serving.stderr).toBe('')
    expect(readdirSync(folder)).toEqual([])
  })

  test('ends a server as soon as it has said its address, and while it opens its model, with 0', async () => {
    const { directory } = await smallModel()
    const folder = freshFolder()
    const serve = (state: string) => [
      'serve',
      directory,
      '--state',
      join(folder, state),
      '--port',
      '0',
      '--threads',
      '1',
    ]
    const serving = new Run(folder, serve('a'))
    expect(await serving.end(signal, () => serving.stdout.includes('serving at'))).toBe(0)
    expect(serving.stderr).toContain('shutting down')
    const opening = new Run(folder, serve('b'))
    expect(await opening.end(signal, () => existsSync(join(folder, 'b')))).toBe(0)
    expect(opening.stdout).toBe('')
  })
})
