/**
 * The client of `/v1/stream`, for browsers and Node. It needs nothing but the platform.
 *
 *     const client = new Client('http://127.0.0.1:8080')
 *     for await (const list of client.recommendations('ann', { limit: 5 })) render(list.items)
 *     await client.send({ user: 'ann', item: 'tt0111161', kind: 'play' })
 *     const { items } = await client.call('similar', { item: 'tt0111161' })
 */
export type { ErrorCode } from '../protocol/errors.ts'
export type { Ack, List, MixList } from '../protocol/messages.ts'
export type { Explained, MethodName, ParamsInput, Results } from '../protocol/methods.ts'
export type { FoundSong, ListedTag, MixedList, MixedSong, SongFound, SongMap } from '../protocol/music-methods.ts'
export type { Id, ModelInfo, Recommendation, RecordedImpressions } from '../protocol/values.ts'
export {
  Client,
  type ClientOptions,
  type Impressions,
  type Interaction,
  type RecommendationsOptions,
  type SimilarItemsOptions,
  type Undo,
  type UserList,
} from './client.ts'
export { type ClientCodec, type Frame, json, msgpack } from './codec.ts'
export type { KeySource } from './key-source.ts'
export type { MixOutcome, MixStream } from './mix-stream.ts'
export { ServerError } from './server-error.ts'
