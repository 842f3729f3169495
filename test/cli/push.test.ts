import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CatalogueStore } from '../../src/catalogue/store.ts'
import { importPushes } from '../../src/push/import/import.ts'
import { LiveLedger } from '../../src/push/live/ledger/live-ledger.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochsInTurn, main } from './aurochs.ts'

const day = 86_400_000
const ago = (days: number) => new Date(Date.now() - days * day).toISOString()

test('users, articles, visits and pushes of files come into a state, once however often', async () => {
  const folder = freshFolder()
  const at = (name: string) => join(folder, name)
  writeFileSync(
    at('users.csv'),
    `user_id,channel,token,timezone,opted_out,last_visit,country
ann,log,to-ann,Asia/Seoul,,${ago(10)},kr
bob,log,to-bob,Nowhere,,,kr
cid,log,,UTC,,,
dan,log,to-dan,UTC,true,2999-01-01T00:00:00Z,
ann,log,to-ann-2,Asia/Seoul,,${ago(12)},kr
`,
  )
  writeFileSync(
    at('articles.ndjson'),
    [
      { id: 'a1', title: 'One', body: 'Body', category: 'news', created_at: ago(0.01) },
      { id: 'a2', title: 'Future', created_at: '2999-01-01T00:00:00Z' },
      { id: 'a3', title: 'No body' },
    ]
      .map(row => `${JSON.stringify(row)}\n`)
      .join(''),
  )
  writeFileSync(at('visits.csv'), `user,time,item\nann,${ago(3)},a1\nzed,${ago(2)},a1\nzed,${ago(1)},\nzed,never,a1\n`)
  writeFileSync(
    at('pushes.csv'),
    `user,article,sent,clicked\nann,p1,${ago(20)},${ago(19)}\nann,p2,${ago(2)},\nnew,p2,${ago(30)},true\nann,p2,${ago(2)},\n`,
  )
  const state = at('state')
  const sources = [
    '--users',
    'users.csv',
    '--articles',
    'articles.ndjson',
    '--visits',
    'visits.csv',
    '--pushes',
    'pushes.csv',
  ]
  const all = sources.map(text => (text.startsWith('--') ? text : at(text)))
  const [nothing, refused, imported, again, missing] = await aurochsInTurn(
    ['push', 'import', '--state', state],
    ['push', 'import', '--state', state, ...all],
    ['push', 'import', '--state', state, ...all, '--bad-rows', 'skip', '--json'],
    ['push', 'import', '--state', state, ...all, '--bad-rows', 'skip', '--json'],
    ['push', 'import', '--state', state, '--users', at('pushes.csv'), '--visits', at('users.csv')],
  )
  expect([nothing!.status, nothing!.stderr]).toEqual([2, expect.stringContaining('name at least one of --users')])
  expect(refused!.status).toBe(1)
  expect(refused!.stderr).toContain(
    'users.csv, row 2 after the header, zone must be a time zone such as Asia/Seoul, got Nowhere',
  )
  expect(refused!.stderr).toContain('--bad-rows skip')
  expect(imported!.json()).toEqual([
    {
      articles: { rows: 3, duplicates: 0, badRows: 0 },
      users: { rows: 3, duplicates: 1, badRows: 2, firstBadRow: expect.stringContaining('users.csv, row 2 after') },
      pushes: { rows: 4, duplicates: 1, badRows: 0 },
      visits: {
        rows: 3,
        duplicates: 0,
        badRows: 1,
        firstBadRow: expect.stringContaining('row 4 after the header, time: expected a time such as'),
      },
    },
  ])
  expect(again!.json()).toMatchObject([{ pushes: { duplicates: 4 }, visits: { duplicates: 2 } }])
  expect(missing!.stderr).toContain('--visits: time must name a column: expected one of time, timestamp')
  const ledger = LiveLedger.open(state, { articles: { within: day }, events: { click: 'push_click' } })
  const now = Date.now()
  expect(ledger.takeArticles(now).map(({ id, body }) => [id, body])).toEqual([['a1', 'Body']])
  // What lies days back is kept, and no news.
  expect(ledger.takeEvents(now, 100)).toMatchObject({ observations: [], more: false, position: 2 })
  const { lastVisit, reachable, segments, busyUntil } = ledger.userStates(-1, 10)
  expect([...reachable]).toEqual([1, 0, 0, 0])
  expect([...segments]).toEqual([1, 0, 0, 0])
  expect(lastVisit[0]).toBeCloseTo(now - 3 * day, -6)
  expect(lastVisit[1]).toBeLessThanOrEqual(now)
  expect(busyUntil[0]).toBeCloseTo(now + 5 * day, -6)
  const [forgotten] = await aurochsInTurn(['forget', 'ann', '--state', state])
  expect(forgotten!.stdout).toContain('removed 1 events')
  expect(ledger.why('ann', 'p1').reasons).toEqual([{ code: 'unknown-user' }])
  expect(readFileSync(join(state, 'push.db')).includes('to-ann')).toBe(false)
  ledger.close()
})

test('a file of users clears no opt-out, and a kind of files that there is not is refused', async () => {
  const folder = freshFolder()
  const [state, file] = [join(folder, 'state'), join(folder, 'users.csv')]
  writeFileSync(file, 'id,sender,address,opted_out\nann,log,to-ann,false\nbob,log,to-bob,true\n')
  const options = { state, sources: [file] }
  expect(await importPushes({ kind: 'users', ...options })).toMatchObject({ rows: 2 })
  const ledger = LiveLedger.open(state)
  ledger.optOut(['ann'])
  await importPushes({ kind: 'users', ...options })
  expect([...ledger.userStates(-1, 10).reachable]).toEqual([0, 0])
  ledger.optOut(['ann'], false)
  expect([...ledger.userStates(-1, 10).reachable]).toEqual([1, 0])
  ledger.close()
  await expect(importPushes({ kind: 'user' as 'users', ...options })).rejects.toThrow(
    new TypeError('kind must be one of users, articles, visits, pushes, got user'),
  )
})

test('the engine runs by itself beside a state, and operators say what is done', async () => {
  const folder = freshFolder()
  const at = (name: string) => join(folder, name)
  const state = at('state')
  writeFileSync(at('users.csv'), 'id,sender,address\nann,log,to-ann\nbob,log,to-bob\n')
  const config = {
    senders: { log: { type: 'file', file: 'pushes.ndjson' } },
    quiet: { from: '00:00', until: '00:00' },
    tick: '1s',
    loop: { target: 0.01, selectAfter: '1s', holdOut: 0, templates: ['{title}!'], titles: { least: 1 }, threads: 1 },
  }
  writeFileSync(at('push.json'), JSON.stringify(config))
  writeFileSync(at('wrong.json'), JSON.stringify({ ...config, tick: 5 }))
  const [none, , wrong, optedOut] = await aurochsInTurn(
    ['push', 'status', '--state', state],
    ['push', 'import', '--state', state, '--users', at('users.csv')],
    ['push', 'run', '--state', state, '--config', at('wrong.json')],
    ['push', 'optout', 'bob', '--state', state],
  )
  expect([none!.status, none!.stderr]).toEqual([2, expect.stringContaining('has no pushes: name the --state')])
  expect([wrong!.status, wrong!.stderr]).toEqual([2, expect.stringContaining('wrong.json: tick must be a text, got 5')])
  expect(optedOut!.stdout).toBe('1 user gets no more pushes\n')
  const options = ['push', 'run', '--state', state, '--config', at('push.json'), '--log-level', 'error']
  const engine = spawn(process.execPath, [main, ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(engine.stdout, 'data')
  expect(String(line)).toBe(`pushes of ${state} are decided and sent by log\n`)
  try {
    const catalogue = new CatalogueStore(join(state, 'catalogue.db'))
    catalogue.put([{ id: 'a1', title: 'One', availableFrom: Date.now() }])
    catalogue.close()
    const lines = () => readFileSync(at('pushes.ndjson'), 'utf8').split('\n').filter(Boolean)
    for (let tries = 0; lines().length < 1; tries++) {
      if (tries > 1200) throw new Error('nothing was sent')
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    const [status, statusText, nothing, whyJson, why, whyNot, tested, paused, dry, dryOff, wrongPlace] =
      await aurochsInTurn(
        ['push', 'status', '--state', state, '--json'],
        ['push', 'status', '--state', state, '--find', 'one'],
        ['push', 'status', '--state', state, '--only', 'paused'],
        ['push', 'why', 'ann', 'a1', '--state', state, '--json'],
        ['push', 'why', 'ann', 'a1', '--state', state],
        ['push', 'why', 'bob', 'a1', '--state', state],
        ['push', 'test', 'a1', 'ann', 'nobody', '--state', state, '--title', '1'],
        ['push', 'pause', '--state', state],
        ['push', 'dry-run', '--state', state],
        ['push', 'dry-run', 'off', '--state', state],
        ['push', 'pause'],
      )
    expect(status!.json()).toMatchObject([{ isDryRun: false, campaigns: [{ id: 'a1', counts: { used: 1 } }] }])
    expect(status!.json()).toMatchObject([
      { total: 1, open: 1, users: 2, sends: [{ sender: 'log', state: 'delivered' }] },
    ])
    expect(statusText!.stdout).toMatch(/^article .*\na1 .* runs +0 +1 +0 +0 +0 /)
    expect(statusText!.stdout).toContain('1 of 1 campaign, newest first; 1 open\n')
    expect(statusText!.stdout).toMatch(/sender log, last 7 days: 1 sent, the last \d{4}-.*; 0 wait; none failed/)
    expect(nothing!.stdout).toContain('no article was pushed, or none that is asked for\n')
    expect(whyJson!.json()).toMatchObject([{ user: 'ann', got: true, reasons: [{ code: 'send', isUncertain: false }] }])
    expect(why!.stdout).toMatch(
      /^ann got the push of a1\n {2}Reserved 20\S+ \S+ as “One!?”, handed over .*, delivered 2/,
    )
    expect(whyNot!.stdout).toMatch(/bob did not get the push of a1\n {2}The user opted out on \d{4}-/)
    expect(tested!.stdout).toBe('ann: on its way\nnobody: not sent, unknown-user\n')
    expect(paused!.stdout).toContain('all pushes are paused')
    expect(dry!.stdout).toContain('everything is decided and nothing sent')
    expect(dryOff!.stdout).toBe('pushes are sent\n')
    expect(wrongPlace!.stderr).toContain('name either --state, where the pushes are kept, or --rpc')
    for (let tries = 0; lines().length < 2; tries++) {
      if (tries > 1200) throw new Error('the test was not sent')
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    expect(lines().map(line => JSON.parse(line))).toMatchObject([
      { user: 'ann', title: expect.stringMatching(/^One!?$/) },
      { title: expect.stringMatching(/^\[test\] One!?$/), isTest: true },
    ])
  } finally {
    engine.kill('SIGTERM')
    expect(await once(engine, 'exit')).toEqual([0, null])
  }
})

test('a user is forgotten of a state that has only pushes, and a ledger that is damaged is said with the remedy', async () => {
  const [state, none] = [freshFolder(), freshFolder()]
  const ledger = LiveLedger.open(state)
  ledger.putUsers([{ id: 'ann', channel: { sender: 'log', address: 'to-ann' } }])
  ledger.keepPastPushes([{ user: 'ann', article: 'a1', sent: Date.now() - day }])
  ledger.close()
  const file = join(state, 'push.db')
  const [forgotten, nowhere] = await aurochsInTurn(
    ['forget', 'ann', '--state', state],
    ['forget', 'ann', '--state', none],
  )
  expect(forgotten!.stdout).toBe('removed 0 events and 1 pushes; changed no dataset and no model\n')
  expect(readFileSync(file).includes('ann')).toBe(false)
  expect([nowhere!.status, nowhere!.stderr]).toEqual([1, expect.stringContaining(`there is no ${none}`)])
  truncateSync(file)
  const commands = [
    ['push', 'pause', '--state', state],
    ['push', 'report', '--state', state, '--out', join(none, 'report.html')],
    ['forget', 'bob', '--state', state],
  ]
  for (const { status, stderr } of await aurochsInTurn(...commands)) {
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining(`${file} is empty, and should hold pushes: put a backup`),
    ])
  }
  writeFileSync(file, 'garbage '.repeat(2000))
  for (const { status, stderr } of await aurochsInTurn(...commands)) {
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining(`${file}, which holds pushes, cannot be used (file is not`),
    ])
  }
})
