import { expect, test } from 'vitest'
import { PushLedger } from '../../src/push/send/ledger.ts'
import type { SendState } from '../../src/push/send/send.ts'
import type { Outgoing, SendResult } from '../../src/push/send/senders/sender.ts'
import { randomNumbers } from '../../src/storage/random.ts'
import { freshFolder } from '../storage/folder.ts'
import { addCampaign, addUsers, day, hour, minute, noon, week } from './ledger-of.ts'

const users = Array.from({ length: 12 }, (_, at) => `u${at}`)
const isFinal = (state: SendState) => state !== 'reserved' && state !== 'handed'

/** Random calls in random order, the process ending now and then; what users see is kept beside. */
test('whatever happens in whatever order, no user sees two pushes in a week and every send ends once', () => {
  let total = 0
  for (let round = 0; round < 12; round++) {
    const seed = Math.floor(Math.random() * 2 ** 31)
    const random = randomNumbers(seed)
    const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!
    const some = () => users.filter(() => random() < 0.4)
    const folder = freshFolder()
    const quiet = { from: '02:00', until: '04:00' }
    let ledger = PushLedger.open(folder, { quiet })
    addUsers(ledger, users.slice(0, 6), 'webhook')
    addUsers(ledger, users.slice(6), 'fcm')
    let now = noon
    let campaigns = 0
    let onTheWay: (Outgoing & { readonly sender: string })[] = []
    /** When each user saw which push, by the clock of the test. */
    const seen: { readonly user: string; readonly id: string; readonly time: number }[] = []
    const ended = new Map<string, SendState>()
    const shown = new Set<string>()

    const see = ({ id, user }: Outgoing, time: number) => {
      if (shown.has(id)) return
      shown.add(id)
      seen.push({ user, id, time })
    }
    const answer = (push: Outgoing & { readonly sender: string }): SendResult => {
      const { id, sender } = push
      const arrives = random() < 0.6
      if (arrives) see(push, now)
      // Who knows keys again answers as before.
      if (arrives || shown.has(id)) {
        if (random() < 0.7) return { id, outcome: 'delivered' }
        if (sender === 'fcm') return { id, outcome: 'unknown', reason: 'timeout' }
        return { id, outcome: 'retry', after: random() * hour, isUncertain: true, reason: 'timeout' }
      }
      return pick<SendResult>([
        { id, outcome: 'retry', after: Math.floor(random() * hour), reason: '503' },
        { id, outcome: 'failed', reason: '400' },
        { id, outcome: 'gone' },
      ])
    }
    const steps: readonly (() => void)[] = [
      () => addCampaign(ledger, `c${campaigns++}`, now - minute, Math.floor(random() * 12)),
      () => {
        if (campaigns === 0) return
        const due = now + Math.floor(random() * 2 * hour)
        const candidates = some().map(user => (random() < 0.5 ? { user } : { user, due }))
        ledger.reserve(`c${Math.max(0, campaigns - 1 - Math.floor(random() * 3))}`, candidates, now)
      },
      () => {
        for (const sender of ['webhook', 'fcm']) {
          onTheWay.push(...ledger.hand(sender, 5, now).map(push => ({ ...push, sender })))
        }
      },
      () => {
        ledger.confirm(onTheWay.map(answer), now)
        onTheWay = []
      },
      () => ledger.expire(now),
      () => ledger.optOut(some().slice(0, 2), random() < 0.25, now),
      () => addUsers(ledger, some(), pick(['webhook', 'fcm']), now - Math.floor(random() * 2 * day)),
      () => ledger.pauseAll(random() < 0.3, now),
      () => {
        // Killed: what is on its way may arrive, and its outcome is not known.
        for (const push of onTheWay) if (random() < 0.5) see(push, now)
        onTheWay = []
        ledger.close()
        ledger = PushLedger.open(folder, { quiet })
        ledger.resolveHanded(sender => sender === 'webhook', now)
      },
    ]
    for (let step = 0; step <= 600; step++) {
      pick([...steps, steps[1]!, steps[2]!, steps[3]!])()
      now += Math.floor(random() ** 24 * day)
      for (let at = 0; at < (step % 10 === 0 ? campaigns : 0); at++) {
        for (const { id, state } of ledger.sendsOf(`c${at}`)) {
          if (ended.has(id)) expect(state, `a final state, seed ${seed}`).toBe(ended.get(id))
          else if (isFinal(state)) ended.set(id, state)
        }
      }
    }
    for (const { id } of seen) {
      const state = ended.get(id) ?? 'reserved'
      expect(['delivered', 'unknown', 'reserved'], `seen but not counted, seed ${seed}`).toContain(state)
    }
    for (const user of users) {
      const times = seen.filter(one => one.user === user).map(({ time }) => time)
      times.slice(1).forEach((time, at) => {
        expect(time - times[at]!, `${user} saw two pushes in a week, seed ${seed}`).toBeGreaterThanOrEqual(week)
      })
    }
    for (let at = 0; at < campaigns; at++) {
      const { used, budget, reserved, handed, delivered, unknown } = ledger.countsOf(`c${at}`)
      expect(used, `seed ${seed}`).toBe(reserved + handed + delivered + unknown)
      expect(used, `seed ${seed}`).toBeLessThanOrEqual(budget)
    }
    total += seen.length
    ledger.close()
  }
  // The calls are such that pushes are seen at all.
  expect(total).toBeGreaterThan(50)
})
