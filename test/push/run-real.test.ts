import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { EventStore } from '../../src/events/store.ts'
import { analyseStored } from '../../src/push/analyse/stored/stored-pushes.ts'
import type { PushFileKind } from '../../src/push/import/columns.ts'
import { importPushes } from '../../src/push/import/import.ts'
import { LiveLedger } from '../../src/push/live/ledger/live-ledger.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'
import { day, hour, minute } from './ledger-of.ts'
import { startEndpoint } from './push-endpoint.ts'
import { articles, categories, type RunArticle } from './run-articles.ts'

/** What passes of the time of the process while it makes a step, which takes 60 ms at least. */
const stride = 216_000
const never = new AbortController().signal
const userCount = 2000
const readerCount = 60
const program = join(import.meta.dirname, 'run-process.ts')
const clock = join(import.meta.dirname, 'file-clock.ts')

test('the whole of it: inactive users get what they like, once a week, also when the process is killed', async () => {
  const folder = freshFolder()
  const state = join(folder, 'state')
  const random = randomNumbers(7)
  const epoch = Date.now()
  // Time passes by what the process has done, however busy the machine is.
  const clockFile = openSync(join(folder, 'clock'), 'w')
  onTestFinished(() => closeSync(clockFile))
  let time = 0
  const now = () => time
  const setTime = (to: number) => {
    time = to
    writeSync(clockFile, new Float64Array([to]), 0, 8, 0)
  }
  setTime(epoch)
  await putPast(folder, state, epoch, random)

  const received = new Map<string, { user: string; campaign: string; title: string }>()
  const shown = new Map<string, number>()
  let address = ''
  const links: string[] = []
  const endpoint = await startEndpoint(({ body }) => {
    const push = JSON.parse(body.toString()) as {
      id: string
      user: string
      campaign: string
      title: string
      url: string
    }
    shown.set(push.id, (shown.get(push.id) ?? 0) + 1)
    if (!received.has(push.id)) {
      received.set(push.id, push)
      if (likes(push.user, articleOf(push.campaign)) && random() < 0.3) links.push(push.url)
    }
    return { status: 200 }
  })
  const config = {
    senders: { app: { type: 'webhook', url: endpoint.url, secret: { env: 'SECRET' }, first: 100 } },
    links: { base: 'http://push.example/c', secrets: [{ env: 'SECRET' }] },
    articles: { within: '8h' },
    quiet: { from: '00:00', until: '00:00' },
    tick: '0.05s',
    loop: {
      target: 2.4,
      holdOut: 0.05,
      firstRound: 20,
      growth: 0.5,
      templates: ['[{category}] {title|60}'],
      threads: 1,
    },
  }
  writeFileSync(join(folder, 'push.json'), JSON.stringify(config))
  const run = async () => {
    const child = spawn(
      process.execPath,
      ['--no-warnings', '--import', clock, program, state, join(folder, 'push.json')],
      {
        env: {
          ...process.env,
          CLOCK: join(folder, 'clock'),
          SECRET: 'a secret of webhook and links',
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    const [line] = await once(child.stdout, 'data')
    address = String(line).trim()
    return child
  }

  const journal = new EventStore(join(state, 'events.db'))
  let [events, clicks] = [0, 0]
  const live = async (child: ChildProcess, isOver: () => boolean) => {
    while (!isOver()) {
      expect(child.exitCode).toBe(null)
      setTime(now() + stride)
      // Those who come anyway read what is new.
      const fresh = articles.filter(
        ({ appears }) => epoch + appears * minute < now() && now() < epoch + appears * minute + 4 * hour,
      )
      const reads = Array.from({ length: fresh.length > 0 ? 6 : 0 }, () => {
        const article = fresh[Math.floor(random() * fresh.length)]!
        const reader = `reader-${Math.floor(random() * readerCount)}`
        return { id: `live-${events++}`, user: reader, item: article.id, weight: 1, time: now(), kind: 'read' }
      })
      journal.record(reads, reads.map(now))
      for (const link of links.splice(0)) {
        const response = await fetch(link.replace('http://push.example', address), { redirect: 'manual' })
        expect(response.status).toBe(302)
        expect(response.headers.get('location')).toMatch(/^https:\/\/news\.example\/new-\d+$/)
        clicks++
      }
      await Promise.all([setTimeout(60), stepped()])
    }
  }
  const stepped = async () => {
    while (Number(await (await fetch(`${address}/step`)).text()) < now()) await setTimeout(5)
  }
  const first = await run()
  await live(first, () => received.size >= 80 || now() > epoch + 12 * hour)
  const before = received.size
  expect(before).toBeGreaterThanOrEqual(80)
  first.kill('SIGKILL')
  await once(first, 'exit')
  const second = await run()
  // Later only where the machine was too busy to send anything since.
  await live(second, () => now() > epoch + 14 * hour && (received.size > before || now() > epoch + 40 * hour))
  second.kill('SIGTERM')
  expect((await once(second, 'exit'))[0]).toBe(0)
  journal.close()

  const ledger = LiveLedger.open(state)
  const database = new DatabaseSync(join(state, 'push.db'), { readOnly: true })
  const campaigns = database.prepare('SELECT id, budget, used FROM campaigns WHERE budget > 0').all() as {
    id: string
    budget: number
    used: number
  }[]
  const held = database.prepare('SELECT id FROM users WHERE number IN (SELECT user FROM hold_outs)')
  const heldOut = new Set(held.all().map(({ id }) => id))
  database.close()
  const sends = campaigns.flatMap(({ id }) => ledger.sendsOf(id).map(send => Object.assign({ article: id }, send)))
  const delivered = sends.filter(({ state: of }) => of === 'delivered')
  const decisions = ledger.decisions({ limit: 1000 }).flatMap(entry => (entry.kind === 'select' ? [entry] : []))
  const analysis = await analyseStored(state, { now: now() })
  ledger.close()

  expect(received.size).toBeGreaterThan(before)
  expect(delivered.length).toBe(received.size)
  const users = [...received.values()].map(({ user }) => user)
  expect(new Set(users).size).toBe(users.length)
  // What was on its way when the process was killed came again under its own id.
  for (const count of shown.values()) expect(count).toBeLessThanOrEqual(2)
  for (const { user, campaign, title } of received.values()) {
    // For a day, of any article.
    expect(heldOut.has(user)).toBe(false)
    const number = Number(user.split('-')[1])
    expect(number % 50, 'had a push in this week').not.toBe(1)
    expect(number % 50, 'has opted out').not.toBe(2)
    const { title: own, category } = articleOf(campaign)
    expect([own, `[${category}] ${own}`]).toContain(title)
  }
  expect(heldOut.size).toBeGreaterThan(0)
  for (const { used, budget } of campaigns) {
    expect(used).toBeLessThanOrEqual(budget)
  }
  // Once each, also those that lived when the process was killed; some were first not worth it.
  const decided = (isPushed: boolean) =>
    decisions.flatMap(({ article, decision }) => (decision.isPushed === isPushed ? [article] : [])).sort()
  expect(decided(true)).toEqual(campaigns.map(({ id }) => id).sort())
  expect(decided(true).length).toBeGreaterThan(1)
  expect(decided(false)).toEqual([...new Set(decided(false))])
  // Without knowing who likes what it would be a fifth.
  const liked = [...received.values()].filter(({ user, campaign }) => likes(user, articleOf(campaign))).length
  expect(liked / received.size).toBeGreaterThan(0.35)
  expect(sends.filter(({ clicked }) => clicked !== undefined).length).toBe(clicks)
  expect(clicks).toBeGreaterThan(10)
  const { total, violations, states } = analysis
  expect({ sends: total.sends, clicks: total.clicks, violations: violations.count }).toEqual({
    sends: received.size,
    clicks,
    violations: 0,
  })
  expect(states.delivered).toBe(received.size)
  // The last campaigns may have been decided too late for a first send.
  expect(analysis.articles.map(({ id }) => id).sort()).toEqual(
    [...new Set(delivered.map(({ article }) => article))].sort(),
  )
  expect(existsSync(join(state, 'push-loop', 'learned.json'))).toBe(true)
})

const articleOf = (id: string) => articles.find(article => article.id === id)!

/** Users by what they like; readers come every day. */
function likes(user: string, { category }: RunArticle): boolean {
  return categories[Number(user.split('-')[1]) % categories.length] === category
}

async function putPast(folder: string, state: string, epoch: number, random: () => number): Promise<void> {
  const at = (time: number) => new Date(time).toISOString()
  const put = async (kind: PushFileKind, header: string, rows: readonly string[]) => {
    const file = join(folder, `${kind}.csv`)
    writeFileSync(file, `${[header, ...rows].join('\n')}\n`)
    await importPushes({ state, kind, sources: [file], folder: freshFolder(), badRows: 'refuse', signal: never })
  }
  const users = Array.from({ length: userCount }, (_, user) => `user-${user}`)
  const readers = Array.from({ length: readerCount }, (_, reader) => `reader-${reader}`)
  await put(
    'articles',
    'id,title,body,category,url,created_at',
    articles.map(
      ({ id, title, body, category, appears }) =>
        `${id},"${title}","${body}",${category},https://news.example/${id},${at(epoch + appears * minute)}`,
    ),
  )
  await put(
    'users',
    'id,sender,address,segment,opted_out',
    [...users, ...readers].map(
      (id, user) => `${id},app,to-${id},${user % 2 ? 'ko' : 'en'},${id.startsWith('user') && user % 50 === 2}`,
    ),
  )
  await put(
    'pushes',
    'user,article,sent,clicked',
    users.flatMap((user, number) => {
      const past = Array.from({ length: 3 }, (_, push) => {
        const sent = epoch - (10 + 9 * push) * day - random() * hour
        return `${user},past-${push},${at(sent)},${random() < 0.05 ? at(sent + 10 * minute) : ''}`
      })
      return number % 50 === 1 ? [...past, `${user},past-3,${at(epoch - 2 * day)},`] : past
    }),
  )
  const old = articles.filter(({ appears }) => appears < 0)
  const reads = [...users, ...readers].flatMap(user => {
    const isReader = user.startsWith('reader')
    const liked = old.filter(article => likes(user, article))
    return Array.from({ length: 4 }, () => {
      const { id, appears } =
        random() < 0.8 ? liked[Math.floor(random() * liked.length)]! : old[Math.floor(random() * old.length)]!
      const from = epoch + appears * minute
      return `${user},${id},${at(isReader ? epoch - random() * day : from + random() * 3 * hour)}`
    })
  })
  await put('visits', 'user,article,time', reads)
}
