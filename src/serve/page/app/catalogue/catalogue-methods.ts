/** The methods of the catalogue, as the page calls them where the server has them. */
import type { MethodName } from '../../../../client/index.ts'
import type { Session } from '../connection/session.ts'

/** What is known of an item. */
export interface CatalogueItem {
  readonly id: string
  readonly title?: string | undefined
  readonly tags: readonly string[]
  readonly categories: readonly string[]
  readonly text?: string | undefined
  readonly url?: string | undefined
  /** In ms since 1970. */
  readonly availableFrom?: number | undefined
  readonly availableUntil?: number | undefined
  readonly hidden: boolean
}

export interface Search {
  readonly text: string
  /** Items with any of these. */
  readonly tags?: readonly string[] | undefined
  readonly hidden?: boolean | undefined
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: number | undefined
}

export interface Found {
  readonly items: readonly CatalogueItem[]
  readonly next?: number
}

/** Ids of one call, at most. */
const mostIds = 1000

/** Those of `ids` that the catalogue has, by id; undefined where the server has no catalogue. */
export async function cataloguedItems(
  session: Session,
  ids: readonly string[],
): Promise<Map<string, CatalogueItem> | undefined> {
  if (!session.has('get_items')) return undefined
  const { items } = (await session.client.call(
    'get_items' as MethodName,
    { items: ids.slice(0, mostIds) } as never,
  )) as unknown as {
    readonly items: readonly (CatalogueItem | null)[]
  }
  return new Map(items.filter(item => item !== null).map(item => [item.id, item]))
}

export async function searchItems(session: Session, search: Search): Promise<Found> {
  return (await session.client.call('search_items' as MethodName, search as never)) as unknown as Found
}

/** Takes the item out of all lists, or lets it come again; for admins. */
export async function setHidden(session: Session, item: string, hidden: boolean): Promise<void> {
  await session.change('hide_items' as MethodName, { items: [item], hidden } as never)
}
