import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PushLedger } from '../../src/push/send/ledger.ts'
import { day, hour, minute } from './ledger-of.ts'
import { openState, startEngine } from './live-engine.ts'
import { type Reply, startEndpoint } from './push-endpoint.ts'
import { ScriptedSteps } from './scripted-steps.ts'

/** Users with an address at `sender`, put as by another process. */
function putUsers(folder: string, users: readonly string[], sender = 'file'): void {
  const ledger = PushLedger.open(folder)
  ledger.putUsers(users.map(id => ({ id, channel: { sender, address: `to-${id}` } })))
  ledger.close()
}

const pushes = (folder: string) =>
  readFileSync(join(folder, 'pushes.ndjson'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as { id: string; user: string; campaign: string; title: string; url: string })

test('users whose sender is not configured get none, which why and one warning say', async () => {
  const state = openState()
  const { folder } = state
  putUsers(folder, ['ann', 'cid'], 'pigeon')
  putUsers(folder, ['bob'])
  const { engine, log, until } = await startEngine(state, { round: 3, rounds: 1 })
  state.catalogue.put([{ id: 'news', title: 'News', text: 'Body', url: 'https://example.org/news' }])
  const counts = () => engine.ledger.call('countsOf', 'news')
  await until(async () => (await engine.ledger.call('campaigns')).length > 0 && (await counts()).delivered === 1)
  expect(await counts()).toMatchObject({ used: 1, reserved: 0 })
  expect((await engine.ledger.call('why', 'ann', 'news')).reasons).toContainEqual({
    code: 'no-sender',
    sender: 'pigeon',
  })
  putUsers(folder, ['dan'], 'pigeon')
  await until(() => engine.users === 4)
  await until(() => log.lines.some(({ level }) => level === 'warn'))
  const warnings = log.lines.filter(({ level }) => level === 'warn')
  expect(warnings).toEqual([
    {
      level: 'warn',
      message: expect.stringContaining('users have senders that are not configured'),
      fields: { senders: ['pigeon'] },
    },
  ])
  // Who asks without the configuration hears the same.
  await engine.stop()
  const ledger = PushLedger.open(folder)
  expect(ledger.why('dan', 'news').reasons).toContainEqual({ code: 'no-sender', sender: 'pigeon' })
  ledger.close()
})

test('an article of the catalogue is decided on, sent in rounds, and clicks come back by signed links', async () => {
  const state = openState()
  const { folder } = state
  putUsers(folder, ['ann', 'bob', 'cid', 'dan', 'eve'])
  const links = { base: 'https://push.example.org/c', secrets: [{ env: 'CLICK_SECRET' }] }
  const { engine, loops, log, until } = await startEngine(
    state,
    { round: 2, rounds: 2, heldOut: [4] },
    { config: { links } },
  )
  state.catalogue.put([{ id: 'news', title: 'News', text: 'Body', url: 'https://example.org/news' }])
  const counts = () => engine.ledger.call('countsOf', 'news')
  await until(async () => (await engine.ledger.call('campaigns')).length > 0 && (await counts()).delivered === 4)
  expect(await counts()).toMatchObject({ heldOut: 1, used: 4, reserved: 0 })
  const sent = pushes(folder)
  expect(sent.map(({ user }) => user)).toEqual(['ann', 'bob', 'cid', 'dan'])
  expect(sent.map(({ title }) => title)).toEqual(['One', 'Two', 'One', 'Two'])
  expect(await engine.follow(sent[1]!.url)).toBe('https://example.org/news')
  expect(await engine.follow(sent[1]!.url.replace('to=', 'to=https%3A%2F%2Fevil.example%2F%3F'))).toBeUndefined()
  const [loop] = loops
  await until(() => loop!.observed.some(({ kind }) => kind === 'click'))
  const delivered = (user: number) => ({ kind: 'delivered', user, article: 'news' })
  expect(loop!.observed).toMatchObject([
    { kind: 'article', article: { id: 'news' } },
    ...[0, 1, 2, 3].map(delivered),
    { kind: 'click', user: 1, article: 'news' },
  ])
  await until(async () => (await engine.ledger.call('decisions')).length === 2)
  expect(await engine.ledger.call('decisions')).toMatchObject([
    { kind: 'stop', reason: 'no one left' },
    { kind: 'select', article: 'news', decision: { lift: 3 } },
  ])
  expect(await engine.ledger.call('sendsOf', 'news')).toMatchObject([
    { user: 'ann', round: 0, rank: 0, usualCtr: 0.01, expectedCtr: 0.03 },
    { user: 'bob', round: 0, rank: 1 },
    { user: 'cid', round: 1, rank: 0 },
    { user: 'dan', round: 1, rank: 1 },
  ])
  expect(log.errors).toEqual([])
})

test('a restart goes on where it was: nothing is decided twice, and the loop is told of the past in order', async () => {
  const state = openState()
  putUsers(state.folder, ['ann', 'bob', 'cid', 'dan'])
  const first = await startEngine(state, { round: 1, rounds: 3 })
  state.catalogue.put([{ id: 'news', title: 'News' }])
  await first.until(() => first.loops[0]!.made.length >= 1)
  const event = (id: string, user: string, kind?: string) => ({
    id,
    user,
    item: 'news',
    weight: 1,
    time: Date.now(),
    kind,
  })
  state.journal.record([event('1', 'ann', 'push_click'), event('2', 'zed')], [Date.now(), Date.now()])
  await first.until(() => first.loops[0]!.observed.some(({ kind }) => kind === 'click'))
  await first.engine.stop()
  const made = first.loops[0]!.made.length
  // Comes while nobody looks.
  state.journal.record([event('3', 'yan')], [Date.now()])
  const second = await startEngine(state, { round: 1, rounds: 3 })
  const [loop] = second.loops
  expect(loop!.restored.map(({ action }) => action.kind)).toEqual(['decision', 'campaign', ...Array(made).fill('send')])
  expect(loop!.observed[0]).toMatchObject({ kind: 'article' })
  const users = loop!.observed.flatMap(seen => (seen.kind === 'read' ? [seen.user] : []))
  expect(users).toEqual([4, 5])
  expect(loop!.observed.filter(({ kind }) => kind === 'click')).toMatchObject([{ user: 0, article: 'news' }])
  await second.until(async () => (await second.engine.ledger.call('decisions')).length === 2)
  expect(await second.engine.ledger.call('countsOf', 'news')).toMatchObject({ used: 3 })
  expect(second.log.errors).toEqual([])
})

test('a sender that is down for an hour loses nothing, and the server is not held up', async () => {
  const state = openState()
  let isDown = true
  const endpoint = await startEndpoint((): Reply => ({ status: isDown ? 503 : 200 }))
  const config = {
    senders: { hook: { type: 'webhook', url: endpoint.url, secret: { file: 'secret' }, first: 5, longest: 10 } },
  }
  writeFileSync(join(state.folder, 'secret'), 'a secret of the webhook\n')
  putUsers(state.folder, ['ann', 'bob'], 'hook')
  const { engine, until } = await startEngine(state, { round: 5, rounds: 1 }, { config })
  state.catalogue.put([{ id: 'news', title: 'News' }])
  await until(async () => (await engine.ledger.call('campaigns')).length > 0 && endpoint.received.length > 2)
  const counts = await engine.ledger.call('countsOf', 'news')
  expect(counts.delivered).toBe(0)
  expect(counts.reserved + counts.handed).toBe(2)
  isDown = false
  await until(async () => (await engine.ledger.call('countsOf', 'news')).delivered === 2)
})

test('a clock that jumps: back it stands still, forward what has ended is over', async () => {
  const state = openState()
  putUsers(state.folder, ['ann', 'bob', 'cid'])
  let now = Date.now()
  const real = (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, Math.min(ms, 20))
      signal.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(signal.reason)
      })
    })
  const { engine, loops, until, log } = await startEngine(
    state,
    { round: 1, rounds: 1 },
    { clock: { now: () => now, wait: real } },
  )
  const [loop] = loops
  const steps = loop!.steps
  now -= 2 * day
  state.catalogue.put([{ id: 'early', title: 'Early' }])
  await until(() => loop!.made.length === 1 && loop!.steps > steps)
  const [decided] = (await engine.ledger.call('decisions')).slice(-1)
  expect(decided!.time).toBeGreaterThan(now + day)
  now += 2 * day + 10 * hour
  state.catalogue.put([{ id: 'late', title: 'Late', availableFrom: Date.now() - hour }])
  const before = loop!.steps
  await until(() => loop!.steps > before + 2)
  // It had appeared eleven hours before.
  expect(loop!.observed.filter(({ kind }) => kind === 'article')).toHaveLength(1)
  expect(log.errors).toEqual([])
})

test('a dry run decides and records everything, and sends nothing', async () => {
  const state = openState()
  putUsers(state.folder, ['ann', 'bob', 'cid'])
  const { engine, loops, until } = await startEngine(state, { round: 2, rounds: 1 }, { config: { dryRun: true } })
  state.catalogue.put([{ id: 'one', title: 'One' }])
  await until(() => loops[0]!.made.length === 2)
  state.catalogue.put([{ id: 'two', title: 'Two' }])
  // A user is chosen once in the week, as if it were sent.
  await until(() => loops[0]!.made.length === 3)
  expect(await engine.ledger.call('countsOf', 'one')).toMatchObject({ dry: 2, reserved: 0, delivered: 0 })
  expect((await engine.ledger.call('statusPage')).isDryRun).toBe(true)
  expect(pushes(state.folder)).toEqual([])
})

test('users who opt out, come or are put while it runs are known at the next step', async () => {
  const state = openState()
  putUsers(state.folder, ['ann', 'bob'])
  const { engine, loops, until } = await startEngine(state, { round: 5, rounds: 1 })
  await engine.ledger.call('optOut', ['ann'])
  putUsers(state.folder, ['cid'])
  const [loop] = loops
  await until(() => loop!.users.size === 3 && loop!.users.reachable[0] === 0)
  expect(loop!.observed).toEqual([{ kind: 'opt-out', user: 0, isOut: true }])
  const time = Date.now() - minute
  state.journal.record([{ id: '1', user: 'bob', item: 'x', weight: 1, time }], [time])
  await until(() => loop!.users.lastVisit[1] === time)
  await engine.forget('bob')
  await until(() => loops.length === 2)
  await until(() => loops[1]!.steps > 0)
  expect([...loops[1]!.users.reachable.subarray(0, 3)]).toEqual([0, 0, 1])
})

test('a loop that can forget a user goes on without learning all anew', async () => {
  const state = openState()
  putUsers(state.folder, ['ann', 'bob'])
  const forgotten: number[] = []
  const loops: ScriptedSteps[] = []
  const steps = (users: ConstructorParameters<typeof ScriptedSteps>[0]) => {
    const made = Object.assign(new ScriptedSteps(users, { round: 5, rounds: 1 }), {
      forget: async (user: number) => {
        forgotten.push(user)
      },
    })
    loops.push(made)
    return made
  }
  const { engine, until } = await startEngine(state, { round: 5, rounds: 1 }, { steps })
  await until(() => loops[0]!.users.reachable[1] === 1)
  await engine.forget('bob')
  await engine.forget('nobody')
  const { steps: before } = loops[0]!
  await until(() => loops[0]!.steps > before + 2)
  expect(forgotten).toEqual([1])
  expect(loops).toHaveLength(1)
  expect([...loops[0]!.users.reachable.subarray(0, 2)]).toEqual([1, 0])
})

test('another process that sends, or a ledger that vanishes, is said in words', async () => {
  const state = openState()
  const { log, until } = await startEngine(state, { round: 1, rounds: 1 })
  await expect(startEngine(state, { round: 1, rounds: 1 })).rejects.toThrow('being sent by another process')
  rmSync(join(state.folder, 'push.db'))
  await until(() => log.errors.some(line => line.includes('removed or replaced while it was in use')))
})

test('a thread of the ledger that ends is started again, and the loop goes on as after a restart', async () => {
  const state = openState()
  putUsers(state.folder, ['ann', 'bob', 'cid'])
  const { engine, loops, until, log } = await startEngine(state, { round: 1, rounds: 3 })
  state.catalogue.put([{ id: 'news', title: 'News' }])
  await until(() => loops[0]!.made.length >= 1)
  // What it gives cannot be sent to another thread, which nothing catches.
  await expect(engine.ledger.call('valueOf' as 'takeChanges')).rejects.toThrow('a thread of the push ledger ended')
  await until(() => loops.length === 2 && loops[1]!.steps > 0)
  await until(async () => (await engine.ledger.call('countsOf', 'news')).delivered === 3)
  expect(pushes(state.folder).map(({ user }) => user)).toEqual(['ann', 'bob', 'cid'])
  const decisions = await engine.ledger.call('decisions')
  expect(decisions.filter(({ kind }) => kind === 'select')).toHaveLength(1)
  expect(log.errors.some(line => line.includes('the ledger is not there, it is tried again'))).toBe(true)
})

test('users who are put while the loop learns the past are known from its first step on', async () => {
  const state = openState()
  putUsers(state.folder, ['ann'])
  const { engine, until } = await startEngine(
    state,
    { round: 2, rounds: 1 },
    {
      steps: async (users, { ledger }) => {
        const channel = { sender: 'file', address: 'to-bob' }
        await ledger.call('putUsers', [{ id: 'bob', channel }])
        return new ScriptedSteps(users, { round: 2, rounds: 1 })
      },
    },
  )
  state.catalogue.put([{ id: 'news', title: 'News' }])
  await until(async () => (await engine.ledger.call('campaigns')).length > 0)
  await until(async () => (await engine.ledger.call('countsOf', 'news')).delivered === 2)
  expect(pushes(state.folder).map(({ user }) => user)).toEqual(['ann', 'bob'])
})
