import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { PushLedger } from '../../src/push/send/ledger.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'
import { openLedger } from './ledger-of.ts'
import { type Received, type Reply, startEndpoint } from './push-endpoint.ts'
import { killUsers } from './push-users.ts'
import { tokenReply } from './sender-harness.ts'

const rounds = 10
const program = join(import.meta.dirname, 'push-process.ts')

/** What one server showed to users: a webhook that knows keys again, and FCM, which does not. */
class Shown {
  /** The ids of the pushes that each user was shown, once for each time. */
  readonly byUser = new Map<string, string[]>()
  readonly #random: () => number
  readonly #known = new Set<string>()

  constructor(random: () => number) {
    this.#random = random
  }

  /** Most are shown; some are refused, now or for good, and of some the answer is lost. */
  reply(request: Received): Reply {
    if (request.path === '/token') return tokenReply
    const isWebhook = request.path === '/webhook'
    const body = JSON.parse(request.body.toString())
    const [user, id] = isWebhook ? [body.user, body.id] : [body.message.token, body.message.data.id]
    if (this.#known.has(id) && isWebhook) return { status: 200 }
    const chance = this.#random()
    if (chance < 0.05) return { status: 503 }
    // For good: of the id, so that it is never shown later.
    if (createHash('md5').update(id).digest()[0]! < 13) return { status: 400 }
    this.#known.add(id)
    const ids = this.byUser.get(user) ?? []
    this.byUser.set(user, [...ids, id])
    return chance < 0.12 ? 'drop' : chance < 0.15 ? 'hang' : { status: 200, body: '{}' }
  }
}

test('killed at any point, no user has two pushes in a week, and each reservation ends once', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = randomNumbers(seed)
  const state = freshFolder()
  const users = killUsers()
  const setUp = PushLedger.open(state)
  setUp.putUsers(users.map(id => ({ id, channel: { sender: id.split('-')[0]!, address: id } })))
  setUp.close()
  const shown = new Shown(random)
  const endpoint = await startEndpoint(request => shown.reply(request), { delay: 3 })
  const run = (round: number) =>
    spawn(process.execPath, ['--no-warnings', program, state, endpoint.url, String(round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  for (let round = 1; round <= rounds; round++) {
    const child = run(round)
    await once(child.stdout, 'data')
    // By what has happened, not by the clock: a busy machine gets as far. In the end nobody may be left to be sent to.
    const [until, began] = [endpoint.received.length + random() * 80, performance.now()]
    while (endpoint.received.length < until && performance.now() < began + 2000) await setTimeout(1)
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const [code] = await once(run(0), 'exit')
  expect(code, `seed ${seed}`).toBe(0)

  const ledger = openLedger(state)
  const campaigns = ledger.campaigns()
  const sends = campaigns.flatMap(id => ledger.sendsOf(id))
  const states = new Map(sends.map(({ id, state }) => [id, state]))
  expect(sends.length, `seed ${seed}`).toBeGreaterThan(300)
  const seen = new Map([...shown.byUser].map(([user, ids]) => [user, ids]))
  for (const [user, ids] of seen) {
    expect(ids, `${user} was shown more than one push, seed ${seed}`).toHaveLength(1)
    expect(['delivered', 'unknown'], `seed ${seed}`).toContain(states.get(ids[0]!))
  }
  const isShown = new Set([...seen.values()].flat())
  const lost = sends.filter(({ id, state }) => state === 'delivered' && !isShown.has(id))
  expect(lost, `seed ${seed}`).toEqual([])
  const open = sends.filter(({ state }) => state === 'reserved' || state === 'handed')
  expect(open, `seed ${seed}`).toEqual([])
  const byUser = Map.groupBy(
    sends.filter(({ state }) => state === 'delivered' || state === 'unknown'),
    ({ user }) => user,
  )
  for (const [user, of] of byUser) expect(of, `${user}, seed ${seed}`).toHaveLength(1)
  const used = campaigns
    .map(id => ledger.countsOf(id))
    .map(({ used, delivered, unknown }) => used - delivered - unknown)
  expect(
    used.filter(difference => difference !== 0),
    `seed ${seed}`,
  ).toEqual([])
  // What was killed in the midst of sends to FCM is unknown; of a webhook all is known in the end.
  const unknownOf = (sender: string) =>
    sends.filter(({ user, state }) => state === 'unknown' && user.startsWith(sender)).length
  expect(unknownOf('fcm')).toBeGreaterThan(0)
})
