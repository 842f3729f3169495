/**
 * The push ledger: users kept, pushes reserved, handed to a sender and confirmed, and clicks kept, each in groups of one
 * transaction, synced to disk.
 *
 * `--users N` (200,000), `--group N` (10,000), `--folder DIR` (the folder of temporary files).
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PushLedger } from '../src/push/send/ledger.ts'
import { pushFile } from '../src/push/send/tables/schema.ts'
import { seeded } from './stream/random.ts'
import { atLeast, type Bench } from './support/bar.ts'
import { median } from './support/numbers.ts'
import { positiveInteger } from './support/options.ts'
import { printer } from './support/print.ts'

const hour = 3_600_000
const week = 168 * hour
const start = Date.UTC(2026, 0, 5, 12)
const zones = ['Asia/Seoul', 'Europe/Berlin', 'America/New_York', 'UTC']
const rounds = 3

export const run: Bench = async ({ json, rest }) => {
  const { values } = parseArgs({
    args: [...rest],
    options: {
      users: { type: 'string', default: '200000' },
      group: { type: 'string', default: '10000' },
      folder: { type: 'string', default: tmpdir() },
    },
  })
  const [count, size] = [positiveInteger('users', values.users), positiveInteger('group', values.group)]
  const print = printer(json)
  const folder = mkdtempSync(join(values.folder, 'aurochs-push-ledger-'))
  const ledger = PushLedger.open(folder, { quiet: { from: '00:00', until: '00:00' } })
  try {
    const random = seeded(1)
    const ids = Array.from({ length: count }, (_, at) => `user-${at}`)
    /** By the clock, and of the time that the processor worked: others may have had it in between. */
    const rates = (groups: readonly string[][], work: (group: readonly string[]) => void) => {
      const [began, cpu] = [performance.now(), process.cpuUsage()]
      for (const group of groups) work(group)
      const { user, system } = process.cpuUsage(cpu)
      return { perSecond: count / ((performance.now() - began) / 1000), perCpuSecond: count / ((user + system) / 1e6) }
    }
    const users = rates(groupsOf(ids, size), group =>
      ledger.putUsers(
        group.map((id, at) => ({ id, channel: { sender: 'file', address: id }, zone: zones[at % zones.length]! })),
        start,
      ),
    )
    print({ users })
    const [reserves, confirms]: [number[], number[]] = [[], []]
    // Each week all users get a push of another campaign, in another order.
    for (let round = 0; round < rounds; round++) {
      const now = start + round * 2 * week
      const campaign = `article-${round}`
      ledger.putCampaign({ id: campaign, titles: ['One'], starts: now, ends: now + 4 * hour, budget: count })
      const groups = groupsOf(shuffled(ids, random), size)
      let reserved = 0
      const reserve = rates(groups, group => {
        const candidates = group.map(user => ({ user }))
        reserved += ledger.reserve(campaign, candidates, now).sends.length
      })
      if (reserved !== count) throw new Error(`expected ${count} reservations, got ${reserved}`)
      const handed: string[][] = []
      const hand = rates(groups, () => handed.push(ledger.hand('file', size, now + 1).map(({ id }) => id)))
      const confirm = rates(handed, group => {
        ledger.confirm(
          group.map(id => ({ id, outcome: 'delivered' })),
          now + 2,
        )
      })
      const click = rates(handed, group => {
        ledger.recordClicks(
          group.map(id => ({ id, time: now + 3 })),
          now + 3,
        )
      })
      reserves.push(reserve.perSecond)
      confirms.push(confirm.perSecond)
      const bytes = statSync(join(folder, pushFile)).size
      print({ round, reserve, hand, confirm, click, fileMiB: bytes / 2 ** 20 })
    }
    return [
      atLeast('reservations a second, median', median(reserves), 50_000),
      atLeast('confirmations a second, median', median(confirms), 50_000),
    ]
  } finally {
    ledger.close()
    rmSync(folder, { recursive: true })
  }
}

function groupsOf(ids: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(ids.length / size) }, (_, at) => ids.slice(at * size, (at + 1) * size))
}

function shuffled(ids: readonly string[], random: () => number): string[] {
  const order = [...ids]
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1))
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  return order
}
