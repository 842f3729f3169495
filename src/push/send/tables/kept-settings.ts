import type { DatabaseSync } from 'node:sqlite'
import type { DaySpan } from '../../data/local-time.ts'

/** What the engine was last told by its configuration: who opens the ledger without that goes by it, too. */
export interface KeptSettings {
  /** In ms: from one push to a user to the next. */
  readonly interval: number
  /** The hours of users who have none of their own. */
  readonly quiet: DaySpan
  /** The names of what pushes go out by. Undefined: whatever users have. */
  readonly senders: readonly string[] | undefined
}

const names = { interval: 'interval', from: 'quiet-from', until: 'quiet-until', senders: 'senders' } as const

/** What is kept; nothing where no engine has opened the ledger yet. */
export function keptSettings(database: DatabaseSync): Partial<KeptSettings> {
  const setting = database.prepare('SELECT value FROM settings WHERE name = ?')
  const numberOf = (name: string) => setting.get(name)?.value as number | undefined
  const [interval, from, until] = [numberOf(names.interval), numberOf(names.from), numberOf(names.until)]
  const senders = setting.get(names.senders)?.value as string | undefined
  return {
    ...(interval !== undefined && { interval }),
    ...(from !== undefined && until !== undefined && { quiet: { from, until } }),
    ...(senders !== undefined && { senders: JSON.parse(senders) as string[] }),
  }
}

/** Within a transaction. */
export function keepSettings(database: DatabaseSync, { interval, quiet, senders }: KeptSettings): void {
  const keep = database.prepare('INSERT OR REPLACE INTO settings VALUES (?, ?)')
  keep.run(names.interval, interval)
  keep.run(names.from, quiet.from)
  keep.run(names.until, quiet.until)
  if (senders) keep.run(names.senders, JSON.stringify(senders))
}
