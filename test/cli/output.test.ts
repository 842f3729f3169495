import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { expect, test } from 'vitest'
import { openLog } from '../../src/cli/terminal/log.ts'
import { checkerboard, datasetOf } from '../models/interactions.ts'
import { smallModel } from '../models/small-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { main } from './aurochs.ts'

/** Runs `aurochs` with what `redirection` does to its output, in bash; gives its own exit code. */
function shell(redirection: string, args: readonly string[]) {
  const script = `"$@" ${redirection}; exit \${PIPESTATUS[0]}`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', process.execPath, main, ...args], {
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test.skipIf(!existsSync('/dev/full'))('output that cannot be written is one line and exit code 1', async () => {
  const { folder, directory } = await smallModel()
  const { directory: dataset } = await datasetOf(checkerboard(10))
  for (const args of [
    ['--help'],
    ['--version'],
    ['recommend', directory, 'ada'],
    ['similar', directory, '30', '--json'],
    ['train', dataset, '--out', join(folder, 'new'), '--model', 'popular'],
    ['serve', directory, '--state', join(folder, 'state'), '--port', '0', '--threads', '1'],
  ]) {
    expect({ args, ...shell('> /dev/full', args) }).toEqual({
      args,
      status: 1,
      stdout: '',
      stderr: 'aurochs: standard output could not be written: the disk is full\n',
    })
  }
})

test('where nobody reads on, the work goes on to its end, quietly', async () => {
  const { directory } = await smallModel()
  const ids = Array.from({ length: 20_000 }, (_, at) => `user-${at}`)
  expect(shell('| head -1', ['recommend', directory, ...ids, '--json'])).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^\{"user":"user-0".*\}\n$/),
    stderr: '',
  })
  const { directory: dataset } = await datasetOf(checkerboard(10))
  const out = join(freshFolder(), 'model')
  const trained = shell('| true', ['train', dataset, '--out', out, '--json'])
  expect(trained).toEqual({ status: 0, stdout: '', stderr: '' })
  expect(existsSync(join(out, 'manifest.json'))).toBe(true)
})

test('the log is JSON lines, and text on a terminal', () => {
  const written: string[] = []
  const write = (line: string) => written.push(line) > 0
  const logged = (isTTY: boolean) => {
    const log = openLog('info', { isTTY, write })
    log.info('shutting down')
    log.debug('not at this level')
    log.error({ events: 3, failure: 'no space' }, 'events could not be made durable')
    log.error(new Error('broken'), 'a fault of the server')
    return written.splice(0)
  }
  const lines = logged(false).map(line => JSON.parse(line))
  expect(lines).toMatchObject([
    { level: pino.levels.values.info, msg: 'shutting down' },
    { events: 3, failure: 'no space', msg: 'events could not be made durable' },
    { err: { message: 'broken' }, msg: 'a fault of the server' },
  ])
  const [ending, failure, fault] = logged(true)
  expect(ending).toMatch(/^\d\d:\d\d:\d\d info: shutting down\n$/)
  expect(failure).toMatch(/^\S+ error: events could not be made durable; events 3; failure "no space"\n$/)
  expect(fault).toMatch(/^\S+ error: a fault of the server; Error: broken\n {4}at /)
})
