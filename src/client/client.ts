/// <reference lib="esnext.disposable" preserve="true" />
import type { WireError } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import type { Ack, List, MixList, ServerMessage } from '../protocol/messages.ts'
import type { MethodName, ParamsInput, Results } from '../protocol/methods.ts'
import type {
  Id,
  ModelInfo,
  QueryInput,
  Recommendations,
  RecordedImpressions,
  SimilarMeasure,
} from '../protocol/values.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { type MixOutcome, MixStream } from './mix-stream.ts'
import type { Newest } from './newest.ts'
import { Requests } from './requests.ts'
import { ServerError } from './server-error.ts'
import { type OpenSubscription, Subscriptions } from './subscriptions.ts'

export interface ClientOptions extends ConnectionOptions {
  /** Closes the client. */
  readonly signal?: AbortSignal
  /** Events and calls without an answer, at most; further ones fail. Default: 10,000. */
  readonly maxPending?: number
  /**
   * Called when the connection was lost, or could not be made; the client connects again in `wait` ms. Default: the first of
   * several failures in a row is a warning of the console.
   */
  readonly onDisconnect?: (reason: string, wait: number) => void
  /** Called when another model is served than before; new lists of all subscriptions follow. */
  readonly onGeneration?: (generation: string, model: ModelInfo) => void
}

/** Songs of a mix for whom no length is given. */
const usualLength = 20

interface ListOptions {
  /** Items in a list, 1 to 1000. Default: 10. */
  readonly limit?: number | undefined
  /** Ends the iteration, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** Which items a list may have by what the catalogue says of them; all that is given must hold. */
interface NarrowingOptions {
  /** Items with any of these tags. */
  readonly tags?: readonly string[] | undefined
  /** Items with all of these tags. */
  readonly allTags?: readonly string[] | undefined
  /** Items with none of these tags. */
  readonly noTags?: readonly string[] | undefined
  /** Items of any of these categories. */
  readonly categories?: readonly string[] | undefined
}

export interface SimilarItemsOptions extends ListOptions, NarrowingOptions {
  /** By what items are similar, one of the model's `similarBy`. Default: the first of these. */
  readonly measure?: SimilarMeasure | undefined
}

export interface RecommendationsOptions extends ListOptions, NarrowingOptions {
  /** Whether items that the user already has may come again. Default: `exclude`. */
  readonly seen?: 'allow' | 'exclude' | undefined
  /** How far to lean on what the user does now, 0 to 1, of models that weigh it. Default: as the model finds best. */
  readonly contextWeight?: number | undefined
  /** Never these, at most 1000. */
  readonly exclude?: readonly Id[] | undefined
  /** None but these, at most 1000. */
  readonly only?: readonly Id[] | undefined
  /** 0 to 1: how much it counts that an item is unlike those before it. Default: 0. */
  readonly diversity?: number | undefined
  /** Items with the same tag at most. */
  readonly perTag?: number | undefined
}

/** A list for a user. */
export interface UserList extends List {
  readonly user: string
  readonly basis: Recommendations['basis']
}

interface EventFields {
  readonly user: Id
  /** Unique to the user. Default: one is made. The same id sent twice counts once. */
  readonly id?: string | undefined
  /** When it happened: ms since 1970 (UTC), or ISO 8601 with a zone. Default: when it arrives. */
  readonly time?: number | string | undefined
  /** What the user did: `play`, `buy` and so on. */
  readonly kind?: string | undefined
  /** The `list` of the list that showed the item. */
  readonly list?: string | undefined
}

/** What a user did with an item. */
export interface Interaction extends EventFields {
  readonly item: Id
  /** In the unit of the training data's weights; negative lowers what the user has of the item. Default: 1. */
  readonly weight?: number | undefined
  readonly undo?: undefined
}

/** Takes back an event of the same user. */
export interface Undo extends EventFields {
  /** Id of that event. */
  readonly undo: string
  readonly item?: undefined
}

/** What a user was shown at once. */
export interface Impressions {
  readonly user: Id
  /** At most 100. */
  readonly items: readonly Id[]
  /** Unique to the user, among impressions. Default: one is made. The same id sent twice within a day counts once. */
  readonly id?: string | undefined
  /** When they were shown: ms since 1970 (UTC), or ISO 8601 with a zone. Default: when they arrive. */
  readonly time?: number | string | undefined
}

/**
 * A connection to an Aurochs server. When it is lost the client connects again, subscribes again, and sends again what was
 * not answered; since events have ids, none counts twice.
 */
export class Client {
  readonly #connection: Connection
  readonly #requests: Requests
  readonly #subscriptions: Subscriptions
  readonly #options: ClientOptions
  readonly #unacknowledged = new Set<Promise<Ack>>()
  readonly #eventPrefix = randomName()
  readonly #onAbort = () => this.close()
  #events = 0
  #generation: string | undefined
  /** Set once the client is closed. */
  #closeReason: Error | undefined

  /**
   * `url`: of the server, `http(s)://…` or `ws(s)://…`; its path is added if there is none.
   *
   * @throws {TypeError} where it is none.
   */
  constructor(url: string | URL, options: ClientOptions = {}) {
    this.#options = options
    this.#connection = new Connection(
      streamUrl(url),
      {
        onWelcome: ({ generation, model }) => {
          this.#subscriptions.resend()
          this.#requests.resend()
          // Last: what a listener throws must not keep the others waiting.
          this.#noteGeneration(generation, model)
        },
        onMessage: message => this.#receive(message),
        onRefused: failure => this.#end(failure),
        onDisconnect: options.onDisconnect ?? warnOnce(url),
      },
      options,
    )
    this.#requests = new Requests(this.#connection, options.maxPending ?? 10_000)
    this.#subscriptions = new Subscriptions(this.#connection)
    if (options.signal?.aborted) this.close()
    else options.signal?.addEventListener('abort', this.#onAbort)
  }

  /** Whether the server has said welcome on a connection that is still open. */
  get connected(): boolean {
    return this.#connection.isOpen
  }

  /**
   * The list for `user`, now and after each change, for as long as it is iterated. A slow reader gets the newest list, not
   * all of them. Lost connections do not show, but for a list that may come twice.
   *
   * @throws {ServerError} if the server refuses the subscription for good.
   */
  recommendations(user: Id, options: RecommendationsOptions = {}): AsyncIterableIterator<UserList, undefined> {
    const { exclude, only, signal, ...fields } = options
    const filters = { exclude: exclude && [...exclude], only: only && [...only], ...narrowingOf(options) }
    const { lists } = this.#subscribe({ ...fields, ...filters, kind: 'user', user }, signal)
    return lists as unknown as AsyncIterableIterator<UserList, undefined>
  }

  /**
   * The items most similar to `item`, now and whenever another model is served, for as long as it is iterated.
   *
   * @throws {ServerError} if the server refuses the subscription for good.
   */
  similarItems(item: Id, options: SimilarItemsOptions = {}): AsyncIterableIterator<List, undefined> {
    const { limit, measure, signal } = options
    return this.#subscribe({ kind: 'similar', item, limit, measure, ...narrowingOf(options) }, signal).lists
  }

  /**
   * The songs that come next of a mix, now and after each song that was accepted or skipped; on a new connection, too, with all that was. The parameters
   * are those of `music_continue`.
   *
   * @throws {ServerError} if the server refuses the subscription for good.
   */
  mix(
    params: ParamsInput<'music_continue'>,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): MixStream {
    const playlist = [...(params.playlist ?? [])]
    // Else the curve would begin anew on the next connection.
    const total = params.total ?? Math.min(limits.mixPlayed, playlist.length + (params.length ?? usualLength))
    const query = (): QueryInput => ({ ...params, total, playlist: [...playlist], kind: 'mix' })
    const { number, lists } = this.#subscribe(query(), signal)
    const tell = (song: Id, outcome: MixOutcome) => {
      if (this.#closeReason) return Promise.reject(this.#closeReason)
      const known = playlist.findIndex(
        played => String(typeof played === 'object' ? played.song : played) === String(song),
      )
      const former = known >= 0 ? playlist.splice(known, 1) : []
      const played = { song, outcome }
      playlist.push(played)
      this.#subscriptions.replaceQuery(number, query())
      const answer = this.#requests.send({ type: 'feedback', subscription: number, song, outcome }, { retries: true })
      return answer.catch(error => {
        // The server would refuse the whole mix on the next connection.
        const at = playlist.indexOf(played)
        if (at >= 0) playlist.splice(at, 1, ...former)
        this.#subscriptions.replaceQuery(number, query())
        throw error
      })
    }
    return new MixStream(lists as unknown as Newest<MixList>, tell)
  }

  /**
   * Sends an event; fulfilled once the server has it on disk, however many connections that takes. Nobody need wait for
   * that: a promise that is rejected and was not waited for is not reported as unhandled. See {@link flush}.
   *
   * @throws {ServerError} if the server refuses the event for good.
   * @throws {RangeError} if too many events are without an acknowledgement.
   * @throws {Error} if the client is closed before the event is acknowledged.
   */
  send(event: Interaction | Undo): Promise<Ack> {
    if (this.#closeReason) return handled(Promise.reject(this.#closeReason))
    const { id = `${this.#eventPrefix}-${++this.#events}` } = event
    const ack = this.#requests.send({ ...event, id, type: 'event' }, { retries: true }) as Promise<Ack>
    const remove = () => this.#unacknowledged.delete(ack)
    this.#unacknowledged.add(ack)
    void ack.then(remove, remove)
    return ack
  }

  /**
   * Says what a user was shown: what is not taken sinks in the lists that follow. Fulfilled once the server has it on disk.
   *
   * @throws as {@link call}; called again with the same `id`, nothing counts twice.
   */
  sendImpressions({
    id = `${this.#eventPrefix}-${++this.#events}`,
    items,
    ...rest
  }: Impressions): Promise<RecordedImpressions> {
    return this.call('record_impressions', { ...rest, id, items: [...items] })
  }

  /**
   * Waits until every event that was sent so far is acknowledged, or refused for good: its own promise says which.
   *
   * @throws {Error} if the client is closed before.
   */
  async flush(): Promise<void> {
    const outcomes = await Promise.allSettled(this.#unacknowledged)
    const isClosed = outcomes.some(outcome => outcome.status === 'rejected' && outcome.reason === this.#closeReason)
    if (isClosed) throw this.#closeReason
  }

  /**
   * Calls a method of the server; see protocol/methods.ts. If the connection is lost it is called again on the next one.
   *
   * @throws {ServerError} if the server refuses it; its `retryAfter` says whether calling again is of use.
   * @throws the signal's reason when that is aborted before.
   */
  call<Name extends MethodName>(
    method: Name,
    params: ParamsInput<Name>,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Results[Name]> {
    if (this.#closeReason) return Promise.reject(this.#closeReason)
    const result = this.#requests.send({ type: 'call', method, params: { ...params } }, { retries: false, signal })
    return result as Promise<Results[Name]>
  }

  /** Ends all iterations, fails what is not answered, and closes the connection. */
  close(): void {
    this.#end()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** `failure`: why the server will not have this client. */
  #end(failure?: WireError): void {
    if (this.#closeReason) return
    const error = failure && new ServerError(failure)
    this.#closeReason = error ?? new Error('the client is closed')
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#subscriptions.close(error)
    this.#requests.close(this.#closeReason)
    this.#connection.close()
  }

  #subscribe(query: QueryInput, signal: AbortSignal | undefined): OpenSubscription {
    const open = this.#subscriptions.open(query, signal)
    const { lists } = open
    if (this.#closeReason instanceof ServerError) lists.fail(this.#closeReason)
    else if (this.#closeReason) lists.end()
    return open
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case 'list':
        this.#subscriptions.receive(message)
        break
      case 'subscribed':
        this.#subscriptions.confirm(message.subscription)
        break
      case 'noted':
        this.#requests.resolve(message.request, message)
        break
      case 'ack':
        this.#requests.resolve(message.request, message)
        break
      case 'result':
        this.#requests.resolve(message.request, message.result)
        break
      case 'generation':
        this.#noteGeneration(message.generation, message.model)
        break
      case 'error':
        // Whatever was refused, what else was sent lately may have been, too.
        if (message.code === 'rate_limited') this.#requests.hold(message, () => this.#subscriptions.resendUnconfirmed())
        // Only what is no subscription has a number of its own, as feedback.
        else if (message.request !== undefined || message.subscription === undefined) this.#requests.refuse(message)
        else this.#subscriptions.refuse(message.subscription, message)
    }
  }

  #noteGeneration(generation: string, model: ModelInfo): void {
    const former = this.#generation
    this.#generation = generation
    if (former !== undefined && former !== generation) this.#options.onGeneration?.(generation, model)
  }
}

function narrowingOf({ tags, allTags, noTags, categories }: NarrowingOptions) {
  const copied = (names: readonly string[] | undefined) => names && [...names]
  return { tags: copied(tags), allTags: copied(allTags), noTags: copied(noTags), categories: copied(categories) }
}

function streamUrl(url: string | URL): string {
  if (!/^(http|ws)s?:\/\//.test(String(url))) {
    throw new TypeError(`expected the address of a server, such as http://localhost:8080, got ${url}`)
  }
  const stream = new URL(url)
  stream.protocol = stream.protocol.replace(/^http/, 'ws')
  if (stream.pathname === '/') stream.pathname = '/v1/stream'
  return stream.href
}

/** Warns of the first of several failures in a row: a client that waits for a server that is not there would be silent. */
function warnOnce(url: string | URL): (reason: string, wait: number) => void {
  let warned = Number.NEGATIVE_INFINITY
  return (reason, wait) => {
    const now = performance.now()
    // Failures in a row are less than the longest wait and its connection apart.
    if (now - warned > 60_000)
      console.warn(`aurochs: no connection to ${url}: ${reason}; trying again until there is one`)
    warned = now + wait
  }
}

/** So that no two clients give events the same ids. Not `crypto.randomUUID`: pages have that over https only. */
function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(9)), byte => byte.toString(36).padStart(2, '0')).join('')
}

/** `promise`, whose rejection is not reported as unhandled. */
function handled<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {})
  return promise
}
