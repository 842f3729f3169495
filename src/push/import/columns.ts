/** What files of users, articles, visits and pushes hold, row by row. */
import { timeOf, truthOf } from '../../catalogue/import/fields.ts'
import type { ItemPatch } from '../../catalogue/item.ts'
import { assertItem } from '../../catalogue/item.ts'
import { isStorable, type UserEvent } from '../../events/event.ts'
import type { SoughtColumn } from '../../ingest/rows.ts'
import { asGiven } from '../../storage/expectation.ts'
import type { PastPush } from '../send/tables/past-pushes.ts'
import type { PushUser } from '../send/user.ts'

/** The columns of each kind of file, by their names; those with `!` must be there. */
export const pushColumns = {
  users: {
    id: ['id!', 'user', 'user_id', 'userId'],
    sender: ['sender', 'channel'],
    address: ['address', 'token', 'subscription'],
    zone: ['zone', 'time_zone', 'timezone', 'timeZone'],
    segment: ['segment', 'group', 'country'],
    optedOut: ['opted_out', 'opt_out', 'optedOut'],
    lastVisit: ['last_visit', 'lastVisit', 'last_seen'],
    quietFrom: ['quiet_from', 'quietFrom'],
    quietUntil: ['quiet_until', 'quietUntil'],
  },
  articles: {
    id: ['id!', 'article', 'article_id', 'articleId', 'item'],
    title: ['title', 'headline'],
    body: ['body', 'text', 'content', 'description'],
    category: ['category', 'categories', 'section'],
    tags: ['tags', 'keywords'],
    url: ['url', 'link'],
    createdAt: ['created_at', 'createdAt', 'published_at', 'available_from'],
  },
  visits: {
    user: ['user!', 'user_id', 'userId'],
    time: ['time!', 'timestamp', 'created_at', 'visited_at'],
    article: ['article', 'article_id', 'articleId', 'item', 'item_id'],
    kind: ['kind', 'event'],
  },
  pushes: {
    user: ['user!', 'user_id', 'userId'],
    article: ['article!', 'article_id', 'articleId', 'item', 'campaign'],
    sent: ['sent!', 'sent_at', 'sentAt', 'time', 'timestamp'],
    clicked: ['clicked', 'clicked_at', 'clickedAt'],
    title: ['title'],
  },
} as const

export type PushFileKind = keyof typeof pushColumns
type FieldOf<Kind extends PushFileKind> = Extract<keyof (typeof pushColumns)[Kind], string>
type Texts<Kind extends PushFileKind> = { readonly [Field in FieldOf<Kind>]?: string | null }

export function soughtColumns<Kind extends PushFileKind>(kind: Kind): Record<FieldOf<Kind>, SoughtColumn> {
  const fields = Object.entries(pushColumns[kind] as Record<string, readonly string[]>)
  const sought = fields.map(([field, names]): [string, SoughtColumn] => [
    field,
    {
      names: names.map(name => name.replace('!', '')),
      isNeeded: names[0]!.endsWith('!'),
      title: `--${kind}: ${field}`,
    },
  ])
  return Object.fromEntries(sought) as Record<FieldOf<Kind>, SoughtColumn>
}

/** A visit, with what was read then, if that is known. */
export interface PastVisit {
  readonly user: string
  readonly time: number
  readonly article?: string | undefined
  readonly kind?: string | undefined
}

/** Parsers of rows; each throws an Error naming the column, what was expected and what came. `now`: no time lies after it. */
export const pushRows = {
  users: (texts: Texts<'users'>, now: number): PushUser => {
    const { sender, address, zone, segment, quietFrom, quietUntil } = texts
    if (Boolean(sender) !== Boolean(address)) {
      throw new Error(`sender and address: expected both or neither, got only ${sender ? 'a sender' : 'an address'}`)
    }
    if (Boolean(quietFrom) !== Boolean(quietUntil)) {
      throw new Error('quiet_from and quiet_until: expected both or neither, got one of them')
    }
    return {
      id: idOf('id', texts.id),
      ...(sender && address && { channel: { sender, address } }),
      ...(zone && { zone }),
      ...(segment && { segment }),
      ...(quietFrom && quietUntil && { quiet: { from: quietFrom, until: quietUntil } }),
      ...(texts.optedOut && { optedOut: inColumn('opted_out', () => truthOf(texts.optedOut!)) }),
      ...(texts.lastVisit && { lastVisit: pastTime('last_visit', texts.lastVisit, now) }),
    }
  },
  articles: (texts: Texts<'articles'>): ItemPatch => {
    const { title, body, category, tags, url, createdAt } = texts
    const list = (text: string) => (text.startsWith('[') ? (JSON.parse(text) as string[]) : text.split('|'))
    const article: ItemPatch = {
      id: idOf('id', texts.id),
      ...(title && { title }),
      ...(body && { text: body }),
      ...(url && { url }),
      ...(category && { categories: inColumn('category', () => list(category)) }),
      ...(tags && { tags: inColumn('tags', () => list(tags)) }),
      // One in the future appears then.
      ...(createdAt && { availableFrom: inColumn('created_at', () => timeOf(createdAt)) }),
    }
    assertItem(article)
    return article
  },
  visits: (texts: Texts<'visits'>, now: number): PastVisit => ({
    user: idOf('user', texts.user),
    time: pastTime('time', texts.time, now),
    ...(texts.article && { article: idOf('article', texts.article) }),
    ...(texts.kind && { kind: texts.kind }),
  }),
  pushes: (texts: Texts<'pushes'>, now: number): PastPush => {
    const sent = pastTime('sent', texts.sent, now)
    return {
      user: idOf('user', texts.user),
      article: idOf('article', texts.article),
      sent,
      ...(texts.title && { title: texts.title.slice(0, 1024) }),
      ...(texts.clicked && clickOf(texts.clicked, sent, now)),
    }
  },
}

/** A read as an event of the journal, whose id is the same whenever the same row is imported. */
export function eventOf({ user, time, article, kind }: PastVisit & { readonly article: string }): UserEvent {
  return { id: `import ${time} ${article}`.slice(0, 256), user, item: article, weight: 1, time, ...(kind && { kind }) }
}

/** Whether there was a click, or when. */
function clickOf(text: string, sent: number, now: number): { clicked?: number } {
  if (/^(true|yes|1)$/i.test(text)) return { clicked: sent }
  if (/^(false|no|0)$/i.test(text)) return {}
  return { clicked: pastTime('clicked', text, now) }
}

function idOf(column: string, text: string | null | undefined): string {
  if (text && text.length <= 256 && isStorable(text)) return text
  throw new Error(
    `${column}: expected text of 1 to 256 characters, got ${text ? `${text.length} characters` : 'nothing'}`,
  )
}

/** What lies in the future is taken for now. */
function pastTime(column: string, text: string | null | undefined, now: number): number {
  if (!text) throw new Error(`${column}: expected a time such as 2024-05-31T18:30:00Z, got nothing`)
  const time = inColumn(column, () => timeOf(text))
  if (time < 0) throw new Error(`${column}: expected a time from 1970 on, got ${asGiven(text)}`)
  return Math.min(time, now)
}

function inColumn<Value>(column: string, parse: () => Value): Value {
  try {
    return parse()
  } catch (error) {
    throw new Error(`${column}: ${(error as Error).message}`)
  }
}
