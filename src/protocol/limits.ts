import { catalogueBounds } from '../catalogue/bounds.ts'
import { mixBounds } from '../music/mix/bounds.ts'

/**
 * What one client may ask of the server. They are part of the protocol: `welcome` and the method `info` state them, and
 * beyond them stands an error with a code, not a closed connection. What closes one: a message beyond `frameBytes`, 10
 * messages before `hello` that are not, or 20 in a row after it that are none, an
 * HTTP body beyond `messageBytes`, once it is answered, more messages than the rate allows, and answers that are not read
 * while the server needs the memory for others.
 *
 * They agree with each other: `events` events with every field at its longest, in ASCII, fit into `messageBytes` and
 * `values`, and so do filters of `filterItems` ids.
 */
export const limits = {
  /** Bytes of one message; more is `too_large`. */
  messageBytes: 1_250_000,
  /** Bytes of one WebSocket frame or RPC message; more closes the connection. */
  frameBytes: 2_500_000,
  /** Arrays and maps inside each other; more is `too_deep`. The deepest message of the protocol has 5. */
  depth: 8,
  /** Values in one message, keys of maps counted too; more is `too_large`. */
  values: 32_768,
  /** Characters of a user's, item's or event's id. */
  idLength: 256,
  /** Characters of an event's kind. */
  kindLength: 32,
  /** Characters of a key or a token. */
  credentialLength: 4096,
  /** Characters of a list's id. */
  listIdLength: 64,
  /** Items in one list. */
  listItems: 1000,
  /** Items in one list whose items are to differ (`diversity`, `perTag`), and of all such lists of one `recommend_batch`. */
  spreadItems: 100,
  spreadBatchItems: 10_000,
  /** Items named in a filter. */
  filterItems: 1000,
  /** Items that one `explain` explains. */
  explainedItems: 50,
  /** Users of one `recommend_batch`. */
  batchUsers: 1000,
  /** Items of all lists of one `recommend_batch`. */
  batchItems: 100_000,
  /** Subscriptions of one socket. */
  subscriptions: 64,
  /** Items in one call of the catalogue; a call must also fit into `messageBytes` and `values`. */
  catalogueItems: 1000,
  /** Characters of a title, a text and an address of the catalogue. */
  titleLength: catalogueBounds.titleLength,
  textLength: catalogueBounds.textLength,
  urlLength: catalogueBounds.urlLength,
  /** Characters of a tag, a category or a label. */
  labelLength: catalogueBounds.labelLength,
  /** Tags of an item, its categories, labels of a user, and tags in a filter. */
  labels: catalogueBounds.labels,
  /** Numbers of an item's vector. */
  vectorLength: catalogueBounds.vectorLength,
  /** Factors of a boost. */
  leastBoost: catalogueBounds.leastBoost,
  mostBoost: catalogueBounds.mostBoost,
  /** Places to which items can be pinned. */
  pinPlace: catalogueBounds.pinPlace,
  /** Items of the catalogue that are boosted, and that are pinned. */
  boosts: catalogueBounds.boosts,
  pins: catalogueBounds.pins,
  /** Items in one `record_impressions`. */
  impressionItems: 100,
  /** Events in one `record_batch`. */
  events: 1000,
  /** Campaigns, or decisions about articles, in one answer about pushes. */
  pushCampaigns: 100,
  /** Days of one `push_analysis`. */
  pushAnalysisDays: 90,
  /** Users of one `push_test`. */
  pushTestUsers: 100,
  /** Songs of one mix. */
  mixLength: mixBounds.length,
  /** Minutes of one mix. */
  mixMinutes: mixBounds.minutes,
  /** Tags, songs and points of a curve in one mix, of each. */
  mixIngredients: 50,
  /** Playlists in one mix, and songs in each. */
  mixPlaylists: 10,
  mixSongs: 1000,
  /** The largest weight of an ingredient, either way. */
  mixWeight: mixBounds.weight,
  /** Songs that were given out before what follows of a mix. */
  mixPlayed: 2000,
  /** Tags in one `music_tags`, songs in one `music_songs`, and in one `music_map`. */
  musicTags: 200,
  musicSongs: 100,
  musicMap: 10_000,
  /** Calls of one RPC connection that are not answered yet; its further ones wait unread. */
  pipelined: 1024,
} as const

export type Limits = { readonly [Name in keyof typeof limits]: number }
