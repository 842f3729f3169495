/**
 * What a message costs, in units: one is about what the server does for an event, its ack and the lists that show it. A
 * list of 1,000 items takes about twenty times the time of one of 10, and so on.
 */
import { impressionsCost } from '../../events/impressions.ts'
import type { MethodName, Params } from '../../protocol/methods.ts'
import type { Query } from '../../protocol/values.ts'

/** Bytes that are read for a unit beyond the first. */
const bytesPerUnit = 4096
/** Of a message that is refused for what is wrong with it, beside its own: the error that says so is made and sent. */
export const errorCost = 20

/** Of a message before it is read. */
export function messageCost(bytes: number): number {
  return 1 + Math.floor(bytes / bytesPerUnit)
}

/** Of what a method does, beside the message. Probes go on whoever asks for what: they are not counted. */
export function callCost<Name extends MethodName>(name: Name, params: Params<Name>): number {
  return costs[name]?.(params) ?? 0
}

/** Of the first list of a subscription. */
export function queryCost(query: Query): number {
  switch (query.kind) {
    case 'user':
      return listCost(query)
    case 'similar':
      return similarCost(query.limit)
    case 'mix':
      return mixCost(query)
  }
}

/** Of a mix: some ms, in a thread that answers one after the other. */
export function mixCost({ length = 20 }: { readonly length?: number | undefined }): number {
  return 50 + length
}

/** Methods that cost nothing, not even as a message. */
export const probes: ReadonlySet<string> = new Set<MethodName>(['health', 'ready'])

const costs: { readonly [Name in MethodName]?: (params: Params<Name>) => number } = {
  metrics: () => 20,
  recommend: listCost,
  // Lists that are ranked together cost less each.
  recommend_batch: ({ users, ...list }) => Math.ceil((users.length * (1 + listCost(list))) / 4),
  rerank: ({ items }) => listCost({ limit: items.length }),
  // As many lists as items of the history are looked at.
  explain: () => 20,
  similar: ({ limit }) => similarCost(limit),
  record_impressions: ({ items }) => impressionsCost(items.length),
  put_items: ({ items }) => items.length,
  patch_items: ({ items }) => items.length,
  hide_items: ({ items }) => items.length,
  // All live lists of users follow.
  boost_items: ({ items }) => 5 + items.length,
  pin_items: ({ items }) => 5 + items.length,
  unpin_items: ({ items }) => 5 + items.length,
  delete_items: ({ items }) => items.length,
  get_items: ({ items }) => Math.ceil(items.length / 10),
  // Mostly 1 to 8 ms, 60 where 50,000 items are looked through, in the thread that also looks up what narrows lists.
  search_items: ({ limit }) => 100 + Math.ceil(limit / 10),
  put_users: ({ users }) => Math.ceil(users.length / 4),
  get_users: ({ users }) => Math.ceil(users.length / 20),
  record_batch: ({ events }) => Math.ceil(events.length / 4),
  push_put_users: ({ users }) => users.length,
  push_pause: () => 5,
  push_resume: () => 5,
  push_test: ({ users }) => 5 + users.length,
  // Their sends are counted.
  push_status: ({ limit }) => 20 + 10 * limit,
  push_report: ({ limit }) => 20 + 20 * limit,
  // It is made once for all who ask within a while.
  push_analysis: () => 200,
  push_why: () => 5,
  push_decisions: ({ limit }) => limit,
  music_mix: ({ length, minutes = 0 }) => mixCost({ length: length ?? Math.ceil(minutes / 3) }),
  music_continue: mixCost,
  music_tags: () => 20,
  music_song: ({ nearest }) => 10 + similarCost(nearest),
  // All texts may have to be looked through.
  music_songs: ({ limit }) => 50 + Math.ceil(limit / 10),
  music_map: ({ limit }) => 20 + Math.ceil(limit / 100),
  models: () => 50,
  // As many rows are looked at.
  examples: ({ limit }) => Math.floor((limit * 20) / 50),
}

interface List {
  readonly limit: number
  readonly diversity?: number | undefined
  readonly perTag?: number | undefined
}

/** Where items are to differ, each is compared with some hundred others. */
function listCost({ limit, diversity = 0, perTag }: List): number {
  const isSpread = diversity > 0 || perTag !== undefined
  return Math.floor(limit / 50) + (isSpread ? 2 + Math.ceil(limit / 4) : 0)
}

function similarCost(limit: number): number {
  return 5 + Math.floor(limit / 20)
}
