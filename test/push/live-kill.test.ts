import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LiveLedger } from '../../src/push/live/ledger/live-ledger.ts'
import { PushLedger } from '../../src/push/send/ledger.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { openState } from './live-engine.ts'
import { startEndpoint } from './push-endpoint.ts'

const rounds = 8
const program = join(import.meta.dirname, 'live-process.ts')

test('killed at any point, the engine takes each event once, pushes each article, and no user has two pushes', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = randomNumbers(seed)
  const { folder, journal, catalogue } = openState()
  const setUp = PushLedger.open(folder)
  const users = Array.from({ length: 400 }, (_, at) => `user-${at}`)
  setUp.putUsers(users.map(id => ({ id, channel: { sender: 'hook', address: id } })))
  setUp.close()
  const shown = new Map<string, Set<string>>()
  const endpoint = await startEndpoint(
    ({ body }) => {
      const { user, id } = JSON.parse(body.toString())
      shown.set(user, (shown.get(user) ?? new Set()).add(id))
      return random() < 0.1 ? 'drop' : { status: 200 }
    },
    { delay: 2 },
  )
  const run = (last: string) =>
    spawn(process.execPath, ['--no-warnings', program, folder, endpoint.url, last], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  let events = 0
  for (let round = 0; round < rounds; round++) {
    const child = run('0')
    await once(child.stdout, 'data')
    catalogue.put([{ id: `article-${round}`, title: `Article ${round}`, availableFrom: Date.now() }])
    // One visit of each of new users, so that what is taken twice shows.
    const time = Date.now()
    const visits = Array.from({ length: 50 }, () => ({
      id: 'one',
      user: `reader-${events++}`,
      item: 'article-0',
      weight: 1,
      time,
    }))
    for (const visit of visits) journal.record([visit], [time])
    await setTimeout(random() * 400)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const [code] = await once(run(`${rounds},${events}`), 'exit')
  expect(code, `seed ${seed}`).toBe(0)

  const ledger = LiveLedger.open(folder)
  try {
    for (const [user, ids] of shown) expect(ids.size, `${user}, seed ${seed}`).toBe(1)
    const { campaigns } = ledger.statusPage({ limit: 1000 })
    expect(campaigns.map(({ id }) => id).sort(), `seed ${seed}`).toEqual(
      Array.from({ length: rounds }, (_, at) => `article-${at}`),
    )
    const sends = campaigns.flatMap(({ id }) => ledger.sendsOf(id))
    const ended = sends.filter(({ state }) => state === 'delivered')
    expect(new Set(ended.map(({ user }) => user)).size, `seed ${seed}`).toBe(ended.length)
    // Everyone has had one, since there were articles enough and nothing was lost.
    expect(ended.length, `seed ${seed}`).toBe(users.length)
    expect(shown.size).toBe(users.length)
    const decisions = ledger.decisions({ limit: 1000 })
    for (let at = 0; at < rounds; at++) {
      const of = decisions.filter(({ article, kind }) => article === `article-${at}` && kind === 'select')
      // At most once more for each time that it was killed between the decision and its campaign.
      expect(of.length, `article-${at}, seed ${seed}`).toBeGreaterThan(0)
    }
    const seen = ledger.userStates(users.length - 1, 10_000)
    expect(seen.rows.length, `seed ${seed}`).toBe(events)
    expect(ledger.takeEvents(Date.now(), 10)).toMatchObject({ observations: [], more: false })
    const counted = ledger.visitsByHour().reduce((sum, count) => sum + count, 0)
    expect(counted, `seed ${seed}`).toBe(events)
  } finally {
    ledger.close()
  }
})
