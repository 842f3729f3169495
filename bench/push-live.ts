/**
 * The push engine on a state: how long it takes to begin with so many users, to take the events of the journal, and to reserve a round, and
 * for how long the thread of the server is held up meanwhile.
 *
 * `--users N` (1,000,000), `--events N` (200,000), `--round N` (50,000), `--folder DIR` (the folder of temporary files).
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { EventStore } from '../src/events/store.ts'
import { PushEngine } from '../src/push/live/engine.ts'
import type { MadeRound, PlannedSend, PushAction, PushSteps } from '../src/push/loop/actions.ts'
import { PushLedger } from '../src/push/send/ledger.ts'
import { pushFile } from '../src/push/send/tables/schema.ts'
import { seeded } from './stream/random.ts'
import { atMost, type Bench } from './support/bar.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

const group = 10_000
const hour = 3_600_000

/** Sends one round of the first article to the first users, when it is told to. */
class OneRound implements PushSteps {
  observed = 0
  isDue = false
  made: number | undefined
  readonly #round: number

  constructor(round: number) {
    this.#round = round
  }

  observe(observations: readonly unknown[]): void {
    this.observed += observations.length
  }

  async step(now: number): Promise<readonly PushAction[]> {
    if (!this.isDue) return []
    this.isDue = false
    const article = 'article'
    const sends = Array.from({ length: this.#round }, (_, user) => planned(user))
    const campaign = { titles: ['One'], ends: now + 4 * hour, budget: this.#round, target: 2.4 }
    return [
      { kind: 'campaign', article, ...campaign },
      { kind: 'send', article, round: 0, sends, holdOuts: [] },
    ]
  }

  sent(_article: string, { sends }: MadeRound): void {
    this.made = sends.length
  }
}

const planned = (user: number): PlannedSend => ({ user, title: 0, rank: user, usualCtr: 0.01, expectedCtr: 0.03 })

export const run: Bench = async ({ json, rest }) => {
  const { values } = parseArgs({
    args: [...rest],
    options: {
      users: { type: 'string', default: '1000000' },
      events: { type: 'string', default: '200000' },
      round: { type: 'string', default: '50000' },
      folder: { type: 'string', default: tmpdir() },
    },
  })
  const users = positiveInteger('users', values.users)
  const [events, round] = [positiveInteger('events', values.events), positiveInteger('round', values.round)]
  const print = printer(json)
  const folder = mkdtempSync(join(values.folder, 'aurochs-push-live-'))
  try {
    const ledger = PushLedger.open(folder)
    for (let at = 0; at < users; at += group) {
      const some = Array.from({ length: Math.min(group, users - at) }, (_, of) => `user-${at + of}`)
      ledger.putUsers(some.map(id => ({ id, channel: { sender: 'log', address: id } })))
    }
    ledger.close()
    const journal = new EventStore(join(folder, 'events.db'))
    const random = seeded(1)
    const now = Date.now()
    for (let at = 0; at < events; at += group) {
      const some = Array.from({ length: Math.min(group, events - at) }, (_, of) => {
        const user = `user-${Math.floor(random() * users)}`
        return { id: `${at + of}`, user, item: 'article', weight: 1, time: now }
      })
      journal.record(
        some,
        some.map(() => now),
      )
    }
    const delay = monitorEventLoopDelay({ resolution: 5 })
    let steps: OneRound | undefined
    const begun = performance.now()
    const engine = await PushEngine.start({
      state: folder,
      config: {
        sending: { senders: { log: { type: 'file', file: join(folder, 'pushes.ndjson') } } },
        articles: { within: 4 * hour },
        events: { click: 'push_click' },
        tick: 20,
        interval: 168 * hour,
        quiet: { from: '00:00', until: '00:00' },
        keep: 9600 * hour,
        settle: 24 * hour,
        replay: 72 * hour,
      },
      steps: () => {
        steps = new OneRound(round)
        return steps
      },
      log: { info: () => {}, warn: () => {}, error: fields => console.error(fields) },
    })
    try {
      delay.enable()
      await engine.ready
      const readyAfter = performance.now() - begun
      const heldWhileReading = delay.max / 1e6
      print({ users, events, readySeconds: readyAfter / 1000, observed: steps!.observed, heldWhileReading })
      delay.reset()
      steps!.isDue = true
      const decided = performance.now()
      while (steps!.made === undefined) await new Promise(resolve => setTimeout(resolve, 5))
      const reserved = performance.now() - decided
      const held = delay.max / 1e6
      print({
        round: steps!.made,
        reserveSeconds: reserved / 1000,
        reservesPerSecond: (steps!.made / reserved) * 1000,
        held,
      })
      const sentFrom = performance.now()
      while ((await engine.ledger.call('countsOf', 'article')).delivered < steps!.made) {
        await new Promise(resolve => setTimeout(resolve, 20))
      }
      print({ sentSeconds: (performance.now() - sentFrom) / 1000, bytes: statSync(join(folder, pushFile)).size })
      return [
        atMost('seconds until a million users are known', readyAfter / 1000 / (users / 1e6), 60),
        atMost('ms for which the thread is held up while a round is reserved', held, 250),
      ]
    } finally {
      await engine.stop()
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
