/**
 * Every error that crosses the wire. The codes are stable: programs may decide by them; the messages are for people.
 * `status` is the HTTP status. `again` says that the same request may succeed later without a change.
 */
export const errorCodes = {
  bad_json: { status: 400, again: false, meaning: 'the message is not JSON' },
  bad_msgpack: { status: 400, again: false, meaning: 'the message is not MessagePack, or uses extension types' },
  bad_message: {
    status: 400,
    again: false,
    meaning: 'the message lacks a field, or a field has a wrong type or range',
  },
  wrong_encoding: {
    status: 400,
    again: false,
    meaning: 'a text frame where MessagePack was agreed, or a binary one for JSON',
  },
  too_large: {
    status: 413,
    again: false,
    meaning: 'the message has more bytes, values or events than the limits allow',
  },
  too_deep: {
    status: 400,
    again: false,
    meaning: 'arrays and maps lie deeper inside each other than the limits allow',
  },
  hello_first: { status: 400, again: false, meaning: 'the first message of a socket must be `hello`' },
  unsupported_protocol: { status: 400, again: false, meaning: 'the server speaks another version of the protocol' },
  unknown_item: { status: 404, again: false, meaning: 'the model has no such item' },
  unknown_user: { status: 404, again: false, meaning: 'neither the model nor the events know the user' },
  user_required: {
    status: 400,
    again: false,
    meaning: 'an event without a user, where the socket has not exactly one user',
  },
  not_subscribed: { status: 404, again: false, meaning: 'the socket has no subscription of that number' },
  too_many_subscriptions: {
    status: 429,
    again: false,
    meaning: 'the socket has as many subscriptions as the limits allow',
  },
  too_many_connections: {
    status: 503,
    again: true,
    meaning: 'the server has as many sockets as it was told to accept',
  },
  forbidden_origin: { status: 403, again: false, meaning: 'a page of this origin may not use the server (see --cors)' },
  not_found: { status: 404, again: false, meaning: 'there is no such path' },
  method_not_allowed: { status: 405, again: false, meaning: 'the path exists, but not for this method' },
  storage_failed: {
    status: 503,
    again: true,
    meaning: 'the event could not be made durable (disk full?); it is not recorded',
  },
  overloaded: { status: 503, again: true, meaning: 'more events wait for the disk than the server will keep' },
  shutting_down: { status: 503, again: true, meaning: 'the server is about to end' },
  internal: { status: 500, again: true, meaning: 'a fault of the server; its log says more' },
} as const satisfies Record<string, { status: number; again: boolean; meaning: string }>

export type ErrorCode = keyof typeof errorCodes

/** A refusal that the client is told about, by `code`. */
export class WireError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string) {
    super(message)
    this.name = 'WireError'
    this.code = code
  }
}
