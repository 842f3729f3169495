import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { catalogueFile, catalogueFormat } from '../../../catalogue/format.ts'
import { isMade, openReadOnly } from '../../../storage/sqlite.ts'
import type { SelectDecision } from '../../data/decision.ts'
import type { AnalysedArticle } from '../input.ts'
import type { Range } from './sends.ts'

interface AnalysedCampaignRow {
  readonly number: number
  readonly id: string
  readonly titles: string
  readonly starts: number
  readonly ends: number
  readonly target: number
  readonly created: number | null
  readonly decision: string | null
  readonly stop: string | null
}

/** Of users without a segment. */
const noSegment = 'none'

/** The articles whose campaigns were open in a range, or an interval before it, and those that were decided not to be pushed; `placeOf`: of campaigns, by number. */
export function articlesOf(
  ledger: DatabaseSync,
  { from, now, interval }: Range,
  state: string,
): { readonly articles: AnalysedArticle[]; readonly placeOf: ReadonlyMap<number, number> } {
  const newest = (kind: string) =>
    `(SELECT body FROM decisions WHERE article = campaigns.id AND kind = '${kind}' ORDER BY number DESC LIMIT 1)`
  const rows = ledger
    .prepare(
      `SELECT number, id, titles, starts, ends, target, (SELECT created FROM articles WHERE articles.id = campaigns.id) AS created,
         ${newest('select')} AS decision, ${newest('stop')} AS stop
       FROM campaigns WHERE dry = 0 AND budget > 0 AND ends > ? AND starts <= ? ORDER BY starts, number`,
    )
    .all(from - interval, now) as unknown as AnalysedCampaignRow[]
  const categories = categoriesOf(
    state,
    rows.map(({ id }) => id),
  )
  const articles: AnalysedArticle[] = rows.map(({ id, titles, starts, ends, target, created, decision, stop }) => ({
    id,
    titles: JSON.parse(titles) as string[],
    category: categories.get(id),
    createdAt: created ?? starts,
    target,
    decision: decision === null ? undefined : (JSON.parse(decision) as SelectDecision),
    stopped: stop === null ? (ends <= now ? 'its time is over' : undefined) : (JSON.parse(stop) as string),
  }))
  const refused = ledger
    .prepare(
      `SELECT article, max(time) AS time, body FROM decisions WHERE kind = 'select' AND time >= ? AND time <= ?
         AND NOT EXISTS (SELECT 1 FROM campaigns WHERE id = article) GROUP BY article`,
    )
    .all(from, now) as { article: string; time: number; body: string }[]
  for (const { article, time, body } of refused) {
    articles.push({ id: article, titles: [], createdAt: time, decision: JSON.parse(body) as SelectDecision })
  }
  return { articles, placeOf: new Map(rows.map(({ number }, at) => [number, at])) }
}

/** The first categories of items, as the catalogue of a state has them now. */
function categoriesOf(state: string, ids: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  const file = join(state, catalogueFile)
  if (!isMade(file)) return found
  const catalogue = openReadOnly(file, catalogueFormat)
  try {
    const find = catalogue.prepare(`SELECT json_extract(categories, '$[0]') AS category FROM items WHERE id = ?`)
    for (const id of ids) {
      const category = (find.get(id) as { category: string | null } | undefined)?.category
      if (category) found.set(id, category)
    }
  } finally {
    catalogue.close()
  }
  return found
}

/** By number. */
export function segmentsOf(ledger: DatabaseSync): string[] {
  const rows = ledger.prepare('SELECT number, name FROM segments ORDER BY number').all() as {
    number: number
    name: string
  }[]
  const segments = [noSegment]
  for (const { number, name } of rows) segments[number] = name
  return Array.from(segments, (name, number) => name ?? `segment ${number}`)
}
