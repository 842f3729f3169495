/**
 * The messages of `/v1/stream`. This file is the protocol's one description: what the server accepts is checked with
 * these schemas, and the client is typed by them.
 *
 * A socket agrees on its encoding by WebSocket subprotocol, `aurochs.v1.json` (text frames; also when none is named) or
 * `aurochs.v1.msgpack` (binary frames). Each frame is one message, a map with a `type`:
 *
 *     client                                  server
 *     hello {protocol: 1}                     welcome {generation, model, limits, …}
 *     subscribe {subscription, user, …}       list {subscription, items, …} now and after each change
 *     event {id, item, …}                     ack {id} once it is on disk, then list {…, after: id}
 *     unsubscribe {subscription}              unsubscribed {subscription}
 *     ping {id}                               pong {id}
 *                                             error {code, message, …} instead of any of these
 *
 * An error ends neither the connection nor its subscriptions. An event id is unique to its user: an event sent again is
 * acknowledged again and counted once. A reader who is too slow gets every ack, but only the newest list of each
 * subscription; the gaps in `sequence` tell.
 */
import { z } from 'zod'
import type { ErrorCode } from './errors.ts'
import { type Limits, limits } from './limits.ts'

export const protocolVersion = 1
/** In order of preference. */
export const subprotocols = ['aurochs.v1.msgpack', 'aurochs.v1.json'] as const
export type Subprotocol = (typeof subprotocols)[number]

/**
 * A user's or item's id as people write it: strings, or whole numbers up to 2^53 either way. `42` and `'42'` are the
 * same id; larger whole numbers are written as strings.
 */
export type Id = string | number

const id = z
  .union([z.string().min(1).max(limits.idLength), z.int(), z.bigint()], {
    error: `expected a string of 1 to ${limits.idLength} characters or a whole number`,
  })
  .transform(String)
const number = z.int().min(0).max(0xffffffff)
const eventId = z.string().min(1).max(limits.idLength)

/** Ids that a filter names. */
export const FilterIds = z.array(id).max(limits.filterItems)

/** Which items a list may hold. Ids that the model does not know filter nothing. */
export const Filters = z.strictObject({
  /** Whether items that the user already has may come again. */
  seen: z.boolean().default(false),
  /** Never these. */
  exclude: FilterIds.default([]),
  /** None but these. */
  only: FilterIds.optional(),
})

/** An interaction that just happened. */
export const Event = z.strictObject({
  /** The sender's name for the event, unique to the user: it is what makes sending again harmless. */
  id: eventId,
  user: id,
  item: id,
  /** Greater than 0, in the unit of the training data's weights. */
  weight: z.number().positive().max(1e9).default(1),
})

export const Hello = z.strictObject({
  type: z.literal('hello'),
  protocol: z.int(),
  /** Who is calling, for the log: `name/version`. */
  agent: z.string().max(limits.idLength).optional(),
})

/** A number already in use is taken over: the subscription is replaced. */
export const Subscribe = z.strictObject({
  type: z.literal('subscribe'),
  /** The client's number for the subscription; its lists carry it. */
  subscription: number,
  /** Known to the model or new. */
  user: id,
  limit: z.int().min(1).max(limits.listItems).default(10),
  filters: Filters.default({ seen: false, exclude: [] }),
})

export const Unsubscribe = z.strictObject({ type: z.literal('unsubscribe'), subscription: number })
/** Without `user` it is the user of the socket's subscriptions, if they all have the same. */
export const StreamEvent = Event.extend({ type: z.literal('event'), user: id.optional() })
export const Ping = z.strictObject({ type: z.literal('ping'), id: number.optional() })

export const ClientMessage = z.discriminatedUnion('type', [Hello, Subscribe, Unsubscribe, StreamEvent, Ping])

/** What a client writes, and what the server reads from it after filling in defaults. */
export type ClientMessageInput = z.input<typeof ClientMessage>
export type ClientMessage = z.output<typeof ClientMessage>
export type EventInput = z.input<typeof Event>
export type Event = z.output<typeof Event>
export type FiltersInput = z.input<typeof Filters>
export type Filters = z.output<typeof Filters>
export type Subscribe = z.output<typeof Subscribe>

export interface Welcome {
  readonly type: 'welcome'
  readonly protocol: number
  /** Of the server program. */
  readonly version: string
  /** Names the model that is served; another model has another name. */
  readonly generation: string
  readonly model: { readonly kind: string; readonly factors: number; readonly users: number; readonly items: number }
  readonly limits: Limits
}

export interface Recommendation {
  readonly item: Id
  /** The model's preference; comparable within one list only. 0 throughout a list by `popularity`. */
  readonly score: number
}

/** What is recommended, best first. */
export interface Recommendations {
  readonly generation: string
  /** `taste` is the model's answer; `popularity`, the items most users have, is for who has neither history nor events. */
  readonly basis: 'taste' | 'popularity'
  /** Id of the user's newest event that the list takes into account, where there is one. */
  readonly after?: string
  readonly items: readonly Recommendation[]
}

export interface List extends Recommendations {
  readonly type: 'list'
  readonly subscription: number
  readonly user: string
  /** Counts the subscription's lists from 1. Lists that a slow reader was spared are counted too. */
  readonly sequence: number
}

/** The event is on disk. */
export interface Ack {
  readonly type: 'ack'
  readonly id: string
  /** It already was: nothing was counted twice. */
  readonly duplicate?: true
}

export interface Unsubscribed {
  readonly type: 'unsubscribed'
  readonly subscription: number
}

export interface Pong {
  readonly type: 'pong'
  readonly id?: number
}

export interface Failure {
  readonly type: 'error'
  readonly code: ErrorCode
  readonly message: string
  /** Of the event that failed. */
  readonly id?: string
  /** Of the subscription that failed. */
  readonly subscription?: number
}

export type ServerMessage = Welcome | List | Ack | Unsubscribed | Pong | Failure
