import type { Catalogue } from '../../catalogue/catalogue.ts'
import { ServiceError } from '../../protocol/errors.ts'
import { FairTurns } from '../../recommend/batches/fair-turns.ts'
import type { Caller } from '../access/caller.ts'
import type { Handlers } from '../handler.ts'

type Name =
  | 'put_items'
  | 'patch_items'
  | 'hide_items'
  | 'delete_items'
  | 'boost_items'
  | 'pin_items'
  | 'unpin_items'
  | 'get_items'
  | 'search_items'
  | 'put_users'
  | 'get_users'

/** Searches that may wait: the longest ones would take 12 s. */
const mostSearches = 200

/** The methods of the catalogue. */
export function catalogueHandlers(catalogue: () => Catalogue): Handlers<Name> {
  /** One at once, since what narrows lists is looked up in the same thread. */
  const searches = new FairTurns(1, mostSearches, tooManySearches)
  return {
    put_items: ({ items }) => catalogue().put(items),
    patch_items: ({ items }) => catalogue().patch(items),
    hide_items: ({ items, hidden }) => catalogue().patch(items.map(id => ({ id, hidden }))),
    delete_items: ({ items }) => catalogue().delete(items),
    boost_items: async ({ items, factor }) => {
      await catalogue().boost(items, factor)
      return { items: new Set(items).size }
    },
    pin_items: async ({ items }) => {
      await catalogue().pin(items)
      return { items: new Set(items.map(({ id }) => id)).size }
    },
    unpin_items: async ({ items }) => {
      await catalogue().unpin(items)
      return { items: new Set(items).size }
    },
    get_items: async ({ items }, _signal, _client, caller) => ({
      items: (await catalogue().get(items, publicAt(caller))).map(item => item ?? null),
    }),
    search_items: (query, signal, client, caller) => {
      const opened = catalogue()
      const search = () => opened.search({ ...query, publicAt: publicAt(caller) })
      return searches.run(search, { client, signal })
    },
    put_users: async ({ users }) => {
      await catalogue().putUsers(users)
      return { users: users.length }
    },
    get_users: async ({ users }) => ({ users: await catalogue().getUsers(users) }),
  }
}

function tooManySearches(): ServiceError {
  return new ServiceError('overloaded', `${mostSearches} searches of the catalogue wait already: ask again later`)
}

/** Who is no admin sees of the catalogue only what lists may have now. */
function publicAt({ isAdmin }: Caller): number | undefined {
  return isAdmin ? undefined : Date.now()
}
