import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Campaign } from '../campaign.ts'

/** A campaign as the table has it: times in ms since 1970. */
export interface CampaignRow {
  readonly number: number
  readonly id: string
  /** JSON. */
  readonly titles: string
  readonly url: string | null
  readonly starts: number
  readonly ends: number
  readonly budget: number
  /** Pushes that are reserved, or may have gone out. */
  readonly used: number
  readonly target: number
  /** Since when, if it is. */
  readonly paused: number | null
  /** Since when no more is reserved, if so. */
  readonly stopped: number | null
  /** 1: its sends are recorded, and never handed over. */
  readonly dry: 0 | 1
}

/** The articles in push. Called within transactions. */
export class CampaignTable {
  readonly #find: StatementSync
  readonly #put: StatementSync
  readonly #open: StatementSync
  readonly #over: StatementSync
  readonly #use: StatementSync
  readonly #pause: StatementSync
  readonly #close: StatementSync
  readonly #stop: StatementSync
  readonly #since: StatementSync
  readonly #setting: StatementSync
  readonly #set: StatementSync

  constructor(database: DatabaseSync) {
    const prepare = (sql: string) => database.prepare(sql)
    this.#find = prepare('SELECT * FROM campaigns WHERE id = ?')
    this.#put = prepare(
      `INSERT INTO campaigns (id, titles, url, starts, ends, budget, target, dry)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, coalesce(?7, 2.4), EXISTS (SELECT 1 FROM settings WHERE name = 'dry-run' AND value > 0))
       ON CONFLICT (id) DO UPDATE SET titles = ?2, url = coalesce(?3, url), starts = ?4, ends = ?5, budget = ?6,
         target = coalesce(?7, target), closed = 0, stopped = NULL, counted = 0`,
    )
    this.#open = prepare(
      'SELECT * FROM campaigns WHERE closed = 0 AND starts <= ?1 AND ends > ?1 AND paused IS NULL ORDER BY ends, number',
    )
    this.#over = prepare('SELECT * FROM campaigns WHERE closed = 0 AND ends <= ? ORDER BY ends')
    this.#use = prepare('UPDATE campaigns SET used = used + ? WHERE number = ?')
    this.#pause = prepare('UPDATE campaigns SET paused = iif(?2 IS NULL, NULL, coalesce(paused, ?2)) WHERE id = ?1')
    this.#close = prepare(
      `UPDATE campaigns SET closed = 1 WHERE number = ?1
         AND NOT EXISTS (SELECT 1 FROM sends WHERE campaign = ?1 AND state = 'handed')
         AND NOT EXISTS (SELECT 1 FROM sends WHERE campaign = ?1 AND state = 'reserved')`,
    )
    this.#stop = prepare('UPDATE campaigns SET stopped = coalesce(stopped, ?2) WHERE id = ?1')
    this.#since = prepare('SELECT * FROM campaigns WHERE ends > ? ORDER BY number')
    this.#setting = prepare('SELECT value FROM settings WHERE name = ? AND value > 0')
    this.#set = prepare(
      `INSERT INTO settings VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = iif(?2 = 0 OR value = 0, ?2, value)`,
    )
  }

  /** Since when all pushes are paused, in ms since 1970, if they are. */
  get allPaused(): number | undefined {
    return this.#setting.get('paused')?.value as number | undefined
  }

  /** Whether nothing is handed over, and campaigns that are put are dry. */
  get isDryRun(): boolean {
    return this.#setting.get('dry-run') !== undefined
  }

  find(id: string): CampaignRow | undefined {
    return this.#find.get(id) as unknown as CampaignRow | undefined
  }

  /** @throws RangeError where there is none of this id. */
  named(id: string): CampaignRow {
    const found = this.find(id)
    if (found) return found
    throw new RangeError(`expected the id of a campaign, got ${JSON.stringify(id)}: put the campaign first`)
  }

  put({ id, titles, url, starts, ends, budget, target }: Campaign): void {
    this.#put.run(id, JSON.stringify(titles), url ?? null, starts, ends, budget, target ?? null)
  }

  /** Those whose pushes may go out at `now`; first the one that ends first. */
  open(now: number): CampaignRow[] {
    return this.#open.all(now) as unknown as CampaignRow[]
  }

  /** Those whose life has ended while some of their pushes had not. */
  over(now: number): CampaignRow[] {
    return this.#over.all(now) as unknown as CampaignRow[]
  }

  /** `count` pushes more of the budget are used, or fewer where it is negative. */
  use(number: number, count: number): void {
    if (count !== 0) this.#use.run(count, number)
  }

  /** Since `time`; null: it goes on. */
  pause(id: string, time: number | null): void {
    this.#pause.run(this.named(id).id, time)
  }

  pauseAll(time: number | null): void {
    this.#set.run('paused', time ?? 0)
  }

  dryRun(time: number | null): void {
    this.#set.run('dry-run', time ?? 0)
  }

  /** No more of it is reserved. */
  stop(id: string, time: number): void {
    this.#stop.run(this.named(id).id, time)
  }

  /** Those that end after `time`, oldest first. */
  endingAfter(time: number): CampaignRow[] {
    return this.#since.all(time) as unknown as CampaignRow[]
  }

  /** It is not looked at again, unless some of its pushes have not ended. */
  close(number: number): void {
    this.#close.run(number)
  }
}
