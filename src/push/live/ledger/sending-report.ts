import type { Confirmed } from '../../send/send.ts'

/** Counts of what became of pushes, by sender, and errors of the ledger. */
export class SendingReport {
  bySender: Record<string, Confirmed> = {}
  /** The last of the errors, and how many. */
  error: string | undefined
  errors = 0
  /** Senders that users have, and that are not configured; each once. */
  unknownSenders: readonly string[] = []

  confirm(sender: string, confirmed: Confirmed): void {
    const before = this.bySender[sender]
    this.bySender[sender] = before ? sumOf(before, confirmed) : confirmed
  }

  fail({ message }: Error): void {
    this.error = message
    this.errors++
  }

  /** What there is, and begins anew. */
  take(): SendingReport {
    const taken = new SendingReport()
    Object.assign(taken, this)
    Object.assign(this, new SendingReport())
    return taken
  }
}

function sumOf(one: Confirmed, other: Confirmed): Confirmed {
  const names = Object.keys(one) as (keyof Confirmed)[]
  return Object.fromEntries(names.map(name => [name, one[name] + other[name]])) as unknown as Confirmed
}
