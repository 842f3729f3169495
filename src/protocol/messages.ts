/**
 * The messages of `/v1/stream`. What the server accepts is checked with these schemas, and the client is typed by them.
 *
 * A socket agrees on its encoding by WebSocket subprotocol, `aurochs.v1.json` (text frames; also when none is named) or
 * `aurochs.v1.msgpack` (binary frames). Each frame is one message, a map with a `type`:
 *
 *     client                                  server
 *     hello {protocols: [1]}                  welcome {protocol, generation, model, limits, features, …}
 *     subscribe {subscription, query}         subscribed {subscription}, then list {subscription, items, …} now and
 *                                             after each change
 *     event {id, item, …}                     ack {id} once it is on disk, then list {…, after: id}
 *     feedback {subscription, song, outcome}  noted {subscription, song}, then the list of the mix that follows
 *     unsubscribe {subscription}              unsubscribed {subscription}
 *     call {method, params}                   result {result}: any method of methods.ts
 *     ping {}                                 pong {}
 *                                             generation {generation, model} when another model is served
 *                                             error {code, message, …} instead of any of these
 *
 * Where the server expects a key or a token, one comes with the upgrade or in `hello`. One that is refused is answered by the
 * error `unauthorized`, and the socket is closed with the code 4401; so it is once the key is revoked or has expired.
 *
 * Every client message may carry a `request` number, which each answer to it repeats. Unknown fields are ignored; a
 * message of unknown type is answered by the error `unknown_type`. An error ends neither the connection nor its
 * subscriptions. An event id is unique to its user: an event sent again is acknowledged again and counted once. A reader
 * who is too slow gets every ack, but only the newest list of each subscription; the gaps in `sequence` tell. What a reader
 * sends who leaves megabytes of answers unread waits until it has read some.
 *
 * Who sends more than the server's rate allows gets the error `rate_limited`, unread and so without the request number, ten
 * times a second at most: it answers all that were refused until then. After its `retryAfter` what has no answer may be sent
 * again. All who show a key with a rate of its own have that together, instead of one each. Who goes on sending all the same, a
 * thousand messages a second beyond the rate, is disconnected (1008).
 */
import { z } from 'zod'
import type { WireError } from './errors.ts'
import { IdSchema } from './ids.ts'
import { limits } from './limits.ts'
import type { ServiceInfo } from './methods.ts'
import type { MixedList } from './music-methods.ts'
import {
  type ModelInfo,
  NumberSchema,
  type Recommendations,
  type SimilarItems,
  StreamEventSchema,
  StreamQuerySchema,
} from './values.ts'

const request = { request: NumberSchema.optional() }

export const Hello = z.object({
  type: z.literal('hello'),
  ...request,
  /** Versions that the client speaks: the newest that both do is used. */
  protocols: z.array(z.int()).min(1).max(16),
  /** What the client can do beyond the first version. */
  features: z.array(z.string().max(limits.idLength)).max(64).optional(),
  /** An API key or a token, where the server expects one and the upgrade had no `Authorization: Bearer …`. */
  key: z.string().min(1).max(limits.credentialLength).optional(),
  /** Who is calling, for those who watch the traffic: `name/version`. */
  agent: z.string().max(limits.idLength).optional(),
})

/** A number already in use is taken over: the subscription is replaced. */
export const Subscribe = z.object({
  type: z.literal('subscribe'),
  ...request,
  /** The client's number for the subscription; its lists carry it. */
  subscription: NumberSchema,
  /** Without `user` it is the one that the socket's key or token is bound to. */
  query: StreamQuerySchema,
})

export const Unsubscribe = z.object({ type: z.literal('unsubscribe'), ...request, subscription: NumberSchema })

/** Without `user` it is the one that the key is bound to, or that of the socket's subscriptions if they all have the same. */
export const StreamEvent = StreamEventSchema.and(z.object({ type: z.literal('event'), ...request }))

export const Call = z.object({
  type: z.literal('call'),
  ...request,
  method: z.string().max(limits.idLength),
  params: z.record(z.string(), z.unknown()).default({}),
})

/**
 * What a listener made of a song of a subscribed mix: another list follows, without the song, nearer to it or further away. An `event` of this
 * socket that names a `list` of the mix says the same: of kind `skip` that the song was skipped, of any other that it was accepted. The answer
 * to a song that the space lacks is an error, `unknown_item`.
 */
export const Feedback = z.object({
  type: z.literal('feedback'),
  ...request,
  subscription: NumberSchema,
  song: IdSchema,
  outcome: z.enum(['accepted', 'skipped']),
})

export const Ping = z.object({ type: z.literal('ping'), ...request })

/** By type. */
export const clientMessages = {
  hello: Hello,
  subscribe: Subscribe,
  unsubscribe: Unsubscribe,
  feedback: Feedback,
  event: StreamEvent,
  call: Call,
  ping: Ping,
} as const

export type ClientMessageType = keyof typeof clientMessages
/** What a client writes, and what the server reads from it after filling in defaults. */
export type ClientMessageInput = {
  [Type in ClientMessageType]: z.input<(typeof clientMessages)[Type]>
}[ClientMessageType]
export type ClientMessage = { [Type in ClientMessageType]: z.output<(typeof clientMessages)[Type]> }[ClientMessageType]

/** The number of the request that this answers, if it had one. */
interface Answer {
  readonly request?: number
}

export interface Welcome extends Answer, ServiceInfo {
  readonly type: 'welcome'
  /** The version that both sides speak from now on. */
  readonly protocol: number
}

export interface Subscribed extends Answer {
  readonly type: 'subscribed'
  readonly subscription: number
}

/** What a list says of the subscription that it is for. */
export interface ListEnvelope {
  readonly type: 'list'
  readonly subscription: number
  readonly user?: string
  readonly item?: string
  /** Counts the subscription's lists from 1. Lists that were replaced by a newer one before they were sent are counted, too. */
  readonly sequence: number
}

/** What it says whoever gets it: `list` may name the same list for all who watch one user with the same filters. */
export type ListContent = SimilarItems & Partial<Pick<Recommendations, 'basis' | 'after' | 'weights'>>

/**
 * A list of a subscription: with `user`, `basis`, a `source` of each item, and perhaps `after` and `weights` where the query is of the kind `user`, with `item`
 * where it is of the kind `similar`.
 */
export interface List extends ListEnvelope, ListContent {}

/** A list of a subscribed mix: the songs that come next. */
export interface MixList extends ListEnvelope, MixContent {}

/** What it says whoever gets it. */
export interface MixContent extends MixedList {
  /** The model that is served, of whose users it takes the taste. */
  readonly generation: string
}

/** The event is on disk. */
export interface Ack extends Answer {
  readonly type: 'ack'
  readonly id: string
  readonly user: string
  /** It already was: nothing was counted twice. */
  readonly duplicate?: true
  /** The model lacks the item: the event counts from the next model on that is trained with it. */
  readonly known?: false
}

export interface Unsubscribed extends Answer {
  readonly type: 'unsubscribed'
  readonly subscription: number
}

/** A song of a mix is known to be accepted or skipped. */
export interface Noted extends Answer {
  readonly type: 'noted'
  readonly subscription: number
  readonly song: string
}

/** What a `call` gave. */
export interface CallResult extends Answer {
  readonly type: 'result'
  readonly method: string
  readonly result: unknown
}

export interface Pong extends Answer {
  readonly type: 'pong'
}

/** Another model is served from now on: new lists of all subscriptions follow. */
export interface GenerationChanged {
  readonly type: 'generation'
  readonly generation: string
  readonly model: ModelInfo
}

export interface Failure extends Answer, WireError {
  readonly type: 'error'
  /** Of the event that failed. */
  readonly id?: string
  /** Of the subscription that failed. */
  readonly subscription?: number
}

export type ServerMessage =
  | Welcome
  | Subscribed
  | List
  | Ack
  | Unsubscribed
  | Noted
  | CallResult
  | Pong
  | GenerationChanged
  | Failure
