import { onTestFinished } from 'vitest'
import { PushLedger, type PushLedgerOptions } from '../../src/push/send/ledger.ts'
import { freshFolder } from '../storage/folder.ts'

export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour
export const week = 7 * day
/** Monday noon in UTC. */
export const noon = Date.UTC(2026, 0, 5, 12)

/** A ledger that closes when the test ends. */
export function openLedger(folder = freshFolder(), options: PushLedgerOptions = {}): PushLedger {
  const ledger = PushLedger.open(folder, options)
  onTestFinished(() => ledger.close())
  return ledger
}

/** A ledger with users of these ids in UTC, and the campaign `news` from noon on for four hours. */
export function ledgerWith(
  users: readonly string[],
  options: PushLedgerOptions & { readonly sender?: string } = {},
): PushLedger {
  const { sender = 'webhook', ...rest } = options
  const ledger = openLedger(freshFolder(), rest)
  addUsers(ledger, users, sender)
  addCampaign(ledger, 'news')
  return ledger
}

export function addUsers(ledger: PushLedger, users: readonly string[], sender = 'webhook', now = noon - day): void {
  ledger.putUsers(
    users.map(id => ({ id, channel: { sender, address: `to-${id}` } })),
    now,
  )
}

export function addCampaign(ledger: PushLedger, id: string, starts = noon, budget = 1000): void {
  ledger.putCampaign({
    id,
    titles: ['First', 'Second'],
    url: 'https://example.org/a',
    starts,
    ends: starts + 4 * hour,
    budget,
  })
}

/** Reserves for users, and gives the ids of the sends, in their order. */
export function reserved(ledger: PushLedger, campaign: string, users: readonly string[], now = noon): string[] {
  return ledger
    .reserve(
      campaign,
      users.map(user => ({ user })),
      now,
    )
    .sends.map(({ id }) => id)
}

/** The reason why each user is refused. */
export function refusals(ledger: PushLedger, campaign: string, users: readonly string[], now = noon): string[] {
  return ledger
    .reserve(
      campaign,
      users.map(user => ({ user })),
      now,
    )
    .refused.map(({ user, reason }) => `${user}: ${reason}`)
}
