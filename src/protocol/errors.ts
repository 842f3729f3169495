/**
 * Every error that crosses the wire. The codes are stable: programs may decide by them; the messages are for people.
 * `status` is the HTTP status. `retryAfter` says that the same request may succeed later without a change, and after how
 * many ms it is worth sending it again; null: it will fail again.
 */
export const errorCodes = {
  bad_json: { status: 400, retryAfter: null, meaning: 'the message is not JSON' },
  bad_msgpack: { status: 400, retryAfter: null, meaning: 'the message is not MessagePack, or uses extension types' },
  bad_message: {
    status: 400,
    retryAfter: null,
    meaning: 'the message lacks a field, or a field has a wrong type or range',
  },
  wrong_encoding: {
    status: 400,
    retryAfter: null,
    meaning: 'a text frame where MessagePack was agreed, or a binary one for JSON',
  },
  too_large: {
    status: 413,
    retryAfter: null,
    meaning: 'the message has more bytes, values or events than the limits allow',
  },
  too_deep: {
    status: 400,
    retryAfter: null,
    meaning: 'arrays and maps lie deeper inside each other than the limits allow',
  },
  hello_first: { status: 400, retryAfter: null, meaning: 'the first message of a socket must be `hello`' },
  unsupported_protocol: { status: 400, retryAfter: null, meaning: 'the server speaks other versions of the protocol' },
  unknown_type: { status: 400, retryAfter: null, meaning: 'the server knows no message of this type' },
  unknown_method: { status: 404, retryAfter: null, meaning: 'the service has no such method' },
  unknown_item: { status: 404, retryAfter: null, meaning: 'the model has no such item' },
  unknown_tag: { status: 404, retryAfter: null, meaning: 'no song has such a tag' },
  unknown_user: { status: 404, retryAfter: null, meaning: 'neither the model nor the events know the user' },
  unsupported: { status: 501, retryAfter: null, meaning: 'the algorithm of the model cannot do this' },
  bad_model: {
    status: 422,
    retryAfter: null,
    meaning: 'the model to be served is missing, damaged or of another format',
  },
  user_required: {
    status: 400,
    retryAfter: null,
    meaning: 'an event or a subscription without a user, where the socket is not bound to exactly one',
  },
  not_subscribed: { status: 404, retryAfter: null, meaning: 'the socket has no subscription of that number' },
  too_many_subscriptions: {
    status: 429,
    retryAfter: null,
    meaning: 'the socket has as many subscriptions as the limits allow',
  },
  too_many_connections: {
    status: 503,
    retryAfter: 5000,
    meaning: 'the server has as many sockets as it may have (--max-connections)',
  },
  unauthorized: {
    status: 401,
    retryAfter: null,
    meaning: 'a key or a token is expected, and none came, or one that is malformed, unknown, expired or revoked',
  },
  forbidden: {
    status: 403,
    retryAfter: null,
    meaning: 'the key or the token may not call this method, or not for this user',
  },
  forbidden_origin: {
    status: 403,
    retryAfter: null,
    meaning: 'a page of this origin may not use the server (see --cors)',
  },
  forbidden_host: {
    status: 403,
    retryAfter: null,
    meaning: 'the server may not be addressed by this name (see --allow-host)',
  },
  not_found: { status: 404, retryAfter: null, meaning: 'there is no such path' },
  method_not_allowed: { status: 405, retryAfter: null, meaning: 'the path exists, but not for this HTTP method' },
  deadline_exceeded: { status: 504, retryAfter: 1000, meaning: 'the answer was not there by the deadline of the call' },
  storage_failed: {
    status: 503,
    retryAfter: 1000,
    meaning: 'the event, or the change of the catalogue, is not known to be durable (disk full?): send it again',
  },
  overloaded: { status: 503, retryAfter: 1000, meaning: 'more waits in the server than it will keep' },
  rate_limited: {
    status: 429,
    retryAfter: 1000,
    meaning: 'the client has asked for more than it may in so short a time (--rate)',
  },
  not_ready: { status: 503, retryAfter: 1000, meaning: 'the server cannot do its work now' },
  shutting_down: { status: 503, retryAfter: 1000, meaning: 'the server is about to end' },
  internal: { status: 500, retryAfter: 1000, meaning: 'a fault of the server; its log says more' },
} as const satisfies Record<string, { status: number; retryAfter: number | null; meaning: string }>

export type ErrorCode = keyof typeof errorCodes

/** A refusal that the client gets, by `code`. */
export class ServiceError extends Error {
  readonly code: ErrorCode
  /** In ms: when the same request may succeed, where more is known than the table says. */
  readonly retryAfter: number | undefined

  constructor(code: ErrorCode, message: string, retryAfter?: number) {
    // Without a stack, which nobody reads of a refusal: to note it takes ten times as long as all the rest.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = stackTraceLimit
    this.name = 'ServiceError'
    this.code = code
    this.retryAfter = retryAfter
  }
}

/** An error as it crosses the wire, on every front. */
export interface WireError {
  readonly code: ErrorCode
  /** For people. */
  readonly message: string
  /** In ms; absent where the same request will fail again. */
  readonly retryAfter?: number
}

/** `error` for the wire. What is not meant for clients becomes `internal`, without its message. */
export function wireError(error: unknown): WireError {
  const { code, message, ...known } =
    error instanceof ServiceError ? error : new ServiceError('internal', 'a fault of the server: its log says more')
  const retryAfter = known.retryAfter ?? errorCodes[code].retryAfter
  return retryAfter === null ? { code, message } : { code, message, retryAfter }
}
