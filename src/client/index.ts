/**
 * The client of `/v1/stream`, for browsers and Node. It needs nothing but the platform.
 *
 *     const client = new Client('http://127.0.0.1:8080')
 *     for await (const list of client.recommendations('ann', { limit: 5 })) render(list.items)
 *     await client.send({ user: 'ann', item: 'tt0111161' })
 */
export type { ErrorCode } from '../protocol/errors.ts'
export type { Ack, FiltersInput, Id, List, Recommendation } from '../protocol/messages.ts'
export { Client, type ClientOptions, type Interaction, type ListOptions, ServerError } from './client.ts'
export { type ClientCodec, json, msgpack } from './connection.ts'
