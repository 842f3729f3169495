/**
 * What one client may ask of the server. They are part of the protocol: `welcome` states them, and beyond them stands an
 * error with a code, never a closed connection, except for `frameBytes`.
 */
export const limits = {
  /** Bytes of one message; more is `too_large`. */
  messageBytes: 64 * 1024,
  /** Bytes of one WebSocket frame or HTTP body; more closes the connection, since nobody should have to read them. */
  frameBytes: 1024 * 1024,
  /** Arrays and maps inside each other; more is `too_deep`. The deepest message of the protocol has 3. */
  depth: 8,
  /** Values in one message, keys of maps counted too; more is `too_large`. */
  values: 8192,
  /** Characters of a user's, item's or event's id. */
  idLength: 256,
  /** Items in one list. */
  listItems: 1000,
  /** Items named in a filter. */
  filterItems: 1000,
  /** Subscriptions of one socket. */
  subscriptions: 64,
  /** Events in one `POST /v1/events`. */
  events: 1000,
} as const

export type Limits = { readonly [Name in keyof typeof limits]: number }
