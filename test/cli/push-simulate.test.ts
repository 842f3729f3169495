import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshFolder } from '../storage/folder.ts'
import { aurochs, aurochsInTurn, main } from './aurochs.ts'

test('policies are compared in simulated worlds, as a table, as JSON and as a page', async () => {
  const folder = freshFolder()
  const at = (name: string) => join(folder, name)
  const size = ['--seeds', '2', '--users', '3000', '--days', '5', '--threads', '2']
  const chosen = ['full-loop', 'without-resending', 'oracle'].flatMap(name => ['--policy', name])
  const asked = ['push', 'simulate', ...size, ...chosen, '--json', at('all.json'), '--report', at('all.html')]
  const { status, stdout, stderr } = await aurochs(...asked)
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain('3,000 users, 200 articles a day, 5 days, 2 worlds')
  expect(stdout).toMatch(/^nothing {2,}0 +0/m)
  expect(stdout).toMatch(/^full-loop +[+-]\d+ ± \d+ /m)
  expect(stdout).toMatch(/^oracle .* 100 % /m)
  expect(stdout).toMatch(/^less without-resending +[+-]?\d+ ± \d+/m)
  expect(stdout).toMatch(/Sending in rounds brings .* in the last week\./)
  const json = JSON.parse(readFileSync(at('all.json'), 'utf8'))
  expect(json).toMatchObject({ users: 3000, days: 5, articles: 200, seeds: [1, 2] })
  expect(json.policies.map(({ policy }: { policy: string }) => policy)).toEqual([
    'nothing',
    'without-resending',
    'full-loop',
    'oracle',
  ])
  for (const { violations } of json.policies) expect(violations).toBe(0)
  expect(readFileSync(at('all.html'), 'utf8')).toContain('Weekly active users by day')
})

test('what is wrong with the options is said', async () => {
  const wrong = [
    [['--policy', 'blast'], 'policy must be one of nothing, random, popular'],
    [['--users', '5'], '--users must be a whole number from 100 to 10000000, got 5'],
    [['--seeds', '0'], '--seeds must be a whole number from 1 to 1000'],
    [['--days', 'x'], '--days must be a whole number from 1 to 365'],
    [['--articles', '0'], '--articles must be a whole number from 1 to 10000'],
    [['--threads', '0'], '--threads must be a whole number from 1 to 1024'],
    [['--json', ''], '--json must be a file'],
  ] as const
  const runs = await aurochsInTurn(...wrong.map(([options]) => ['push', 'simulate', ...options]))
  runs.forEach(({ status, stderr }, at) => {
    expect([status, stderr]).toEqual([2, expect.stringContaining(wrong[at]![1])])
  })
  const [demo] = await aurochsInTurn(['push', 'demo', '--days', '0'])
  expect([demo!.status, demo!.stderr]).toEqual([
    2,
    expect.stringContaining('--days must be a whole number from 1 to 60'),
  ])
})

test('the demonstration goes without a terminal, a line an hour, and leaves its report', async () => {
  const folder = freshFolder()
  const [report, json] = [join(folder, 'demo.html'), join(folder, 'demo.json')]
  const size = ['--users', '3000', '--days', '2']
  const { status, stdout, stderr } = await aurochs('push', 'demo', ...size, '--report', report, '--json', json)
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).not.toContain('\x1b')
  expect(stdout.match(/^day 3, \d\d:00: a push must be worth a lift of .*$/gm)).toHaveLength(24)
  expect(stdout).toContain('No user had two pushes within the interval.')
  expect(stdout).toMatch(
    /The world itself counts [\d,]+ users who were active in its last week, and without pushes [\d,]+: -?[\d,]+ more\./,
  )
  expect(stdout).toContain(report)
  const analysis = JSON.parse(readFileSync(json, 'utf8'))
  expect(analysis.total.sends).toBeGreaterThan(100)
  expect(analysis.violations.count).toBe(0)
  expect(readFileSync(report, 'utf8')).toContain('The lift that a push must be worth')
})

test.each([
  ['simulate', ['--users', '20000', '--days', '100']],
  ['demo', ['--users', '20000', '--days', '60']],
] as const)('Ctrl-C ends push %s, of which nothing remains', async (command, options) => {
  const folder = freshFolder()
  let stderr = ''
  const interruptedAfter = async (ms: number) => {
    const child = spawn(process.execPath, [main, 'push', command, ...options], { cwd: folder, stdio: 'pipe' })
    child.stderr.on('data', text => {
      stderr += text
    })
    setTimeout(() => child.kill('SIGINT'), ms)
    return once(child, 'close')
  }
  let wait = 1500
  let end = await interruptedAfter(wait)
  // On a busy machine the program had not begun.
  for (; end[1] === 'SIGINT' && wait < 24_000; end = await interruptedAfter(wait)) wait *= 2
  expect(end).toEqual([130, null])
  expect(stderr).toContain('interrupted: nothing was written')
  expect(existsSync(folder) && readdirSync(folder)).toEqual([])
})
