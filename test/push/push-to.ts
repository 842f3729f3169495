import { randomUUID } from 'node:crypto'
import type { Outgoing, Sender } from '../../src/push/send/senders/sender.ts'

/** A push to `user` at an address that the sender of the harness takes. */
export function pushTo({ addressOf }: { addressOf(user: string): string }, user: string): Outgoing {
  return {
    id: randomUUID(),
    user,
    campaign: 'news',
    address: addressOf(user),
    title: '새 소식: "One"',
    url: 'https://example.org/a?x=1',
    ends: Date.now() + 3_600_000,
    attempt: 1,
  }
}

/** The outcomes of a batch. */
export async function results(sender: Sender, batch: readonly Outgoing[]): Promise<string[]> {
  const found = await sender.send(batch, { signal: new AbortController().signal })
  return found.map(({ outcome }) => outcome)
}
