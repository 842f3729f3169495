/** The methods of the catalogue, as the page calls them where the server has them. */
import type { ParamsInput, Results } from '../../../../client/index.ts'
import type { Session } from '../connection/session.ts'
import type { PinFields } from './promotion-forms.ts'

export type Search = ParamsInput<'search_items'>
export type Found = Results['search_items']
/** What is known of an item. */
export type CatalogueItem = Found['items'][number]

/** Ids of one call, at most. */
const mostIds = 1000

/** Those of `ids` that the catalogue has, by id; undefined where the server has no catalogue. */
export async function cataloguedItems(
  session: Session,
  ids: readonly string[],
): Promise<Map<string, CatalogueItem> | undefined> {
  if (!session.has('get_items')) return undefined
  const { items } = await session.client.call('get_items', { items: ids.slice(0, mostIds) })
  return new Map(items.filter(item => item !== null).map(item => [item.id, item]))
}

/** With an admin key also what is hidden, and what is boosted and pinned. */
export function searchItems(session: Session, search: Search): Promise<Found> {
  return session.read('search_items', search)
}

/** Divides the place of the item in lists by `factor`; for admins. */
export async function boost(session: Session, item: string, factor: number): Promise<void> {
  await session.change('boost_items', { items: [item], factor })
}

/** Has the item stand at a place of lists, or takes its pin away; for admins. */
export async function pin(session: Session, item: string, fields: PinFields | undefined): Promise<void> {
  if (fields) await session.change('pin_items', { items: [{ id: item, ...fields }] })
  else await session.change('unpin_items', { items: [item] })
}

/** Takes the item out of all lists, or lets it come again; for admins. */
export async function setHidden(session: Session, item: string, hidden: boolean): Promise<void> {
  await session.change('hide_items', { items: [item], hidden })
}
