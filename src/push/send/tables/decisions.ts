import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { SelectDecision } from '../../data/decision.ts'

/** What was decided about an article, and why. Times in ms since 1970. */
export type StoredDecision = {
  /** In the order of their storing. */
  readonly number: number
  readonly article: string
  readonly time: number
} & (
  | { readonly kind: 'select'; readonly decision: SelectDecision }
  | { readonly kind: 'stop'; readonly reason: string }
)

export interface DecisionQuery {
  /** Default: of all articles. */
  readonly article?: string | undefined
  /** The `number` of the last one of the page before. Default: from the newest. */
  readonly before?: number | undefined
  /** Default: 100. */
  readonly limit?: number | undefined
}

interface DecisionRow {
  readonly number: number
  readonly article: string
  readonly time: number
  readonly kind: 'select' | 'stop'
  readonly body: string
}

/** Which articles are pushed, and why campaigns have stopped. Called within transactions. */
export class DecisionTable {
  readonly #insert: StatementSync
  readonly #newest: StatementSync
  readonly #newestOf: StatementSync
  readonly #since: StatementSync

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare('INSERT INTO decisions (article, time, kind, body) VALUES (?, ?, ?, ?)')
    this.#newest = database.prepare('SELECT * FROM decisions WHERE number < ? ORDER BY number DESC LIMIT ?')
    this.#newestOf = database.prepare(
      'SELECT * FROM decisions WHERE number < ? AND article = ? ORDER BY number DESC LIMIT ?',
    )
    this.#since = database.prepare('SELECT * FROM decisions WHERE time >= ? ORDER BY number')
  }

  select(article: string, decision: SelectDecision, time: number): void {
    this.#insert.run(article, time, 'select', JSON.stringify(decision))
  }

  stop(article: string, reason: string, time: number): void {
    this.#insert.run(article, time, 'stop', JSON.stringify(reason))
  }

  /** The newest first. */
  page({ article, before = Number.MAX_SAFE_INTEGER, limit = 100 }: DecisionQuery): StoredDecision[] {
    const rows = article === undefined ? this.#newest.all(before, limit) : this.#newestOf.all(before, article, limit)
    return (rows as unknown as DecisionRow[]).map(decisionOf)
  }

  /** Oldest first. */
  since(time: number): StoredDecision[] {
    return (this.#since.all(time) as unknown as DecisionRow[]).map(decisionOf)
  }
}

function decisionOf({ number, article, time, kind, body }: DecisionRow): StoredDecision {
  const content: unknown = JSON.parse(body)
  return kind === 'select'
    ? { number, article, time, kind, decision: content as SelectDecision }
    : { number, article, time, kind, reason: content as string }
}
