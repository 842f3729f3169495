import { CatalogueError, CatalogueStorageError } from '../catalogue/item.ts'
import type { Outcome } from '../events/journal.ts'
import { rollBackModel } from '../models/artifact/published.ts'
import { UnsupportedError } from '../models/open/capabilities.ts'
import type { LibraryCaller, ServedLibrary } from '../music/library/served-library.ts'
import { check } from '../protocol/codec.ts'
import { ServiceError, type WireError, wireError } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import type { ListContent, MixContent } from '../protocol/messages.ts'
import {
  isMethodName,
  type MethodName,
  methods,
  type Params,
  type Results,
  type ServiceInfo,
} from '../protocol/methods.ts'
import type {
  Event,
  ModelInfo,
  Query,
  Recorded,
  RecordedImpressions,
  RecordResult,
  StreamQuery,
} from '../protocol/values.ts'
import { features } from '../protocol/versions.ts'
import type { PushEngine } from '../push/live/engine.ts'
import { PushStorageError } from '../push/live/ledger/ledger-proxy.ts'
import { RecommendError } from '../recommend/errors.ts'
import type { Generation } from '../recommend/generations/generation.ts'
import type { Watch } from '../recommend/lists/watched-list.ts'
import type { Recommender } from '../recommend/recommender.ts'
import { withLocks } from '../storage/directory-lock.ts'
import { withBoundUser } from './access/bound-user.ts'
import type { Caller } from './access/caller.ts'
import { catalogueHandlers } from './catalogue/catalogue-handlers.ts'
import type { Handlers } from './handler.ts'
import { exampleUsers } from './inspect/examples.ts'
import { listModels } from './inspect/models.ts'
import { listHandlers } from './lists/list-handlers.ts'
import type { LoadAccount } from './load/account.ts'
import { callCost, errorCost, messageCost, mixCost, probes, queryCost } from './load/cost.ts'
import type { RateDecision, RateLimiter } from './load/rate-limiter.ts'
import type { Metrics } from './metrics.ts'
import type { Outcome as MixOutcome, MixSubscription } from './music/mix-subscription.ts'
import { Mixes, withTaster } from './music/mixes.ts'
import { musicHandlers } from './music/music-handlers.ts'
import { forgetPushes } from './push/forget-pushes.ts'
import { pushHandlers } from './push/push-handlers.ts'
import type { Retraining } from './retraining.ts'

/** Whom a message is from. */
export interface Sender {
  readonly account: LoadAccount
  /** Undefined until it is known. */
  readonly caller?: Caller | undefined
}

/** The caller, and until when the answer is wanted. */
export interface CallContext extends Sender {
  readonly caller: Caller
  /** Whether the message was counted as the caller's, by {@link Service.decide}. Default: the caller was not known yet. */
  readonly isCounted?: boolean | undefined
  /** Aborting it ends the call, which then fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export interface ServiceParts {
  readonly recommender: Recommender
  readonly metrics: Metrics
  readonly limiter: RateLimiter
  /** Directory of the events. Default: there is none. */
  readonly state?: string | undefined
  /** Of the program. */
  readonly version: string
}

type Settle = (result: Recorded | ServiceError) => void

/** An event whose user may follow from the caller. */
type CallersEvent = Omit<Event, 'user'> & { readonly user?: string | undefined }

/** What was subscribed to. */
export interface Subscription {
  readonly query: Query
  readonly watch: Watch
}

/** What is known of a song of a mix. */
export interface MixFeedback {
  readonly song: string
  readonly outcome: MixOutcome
}

export interface SubscriptionHandlers {
  readonly onList: (list: ListContent | MixContent) => void
  readonly onError: (error: ServiceError) => void
}

/**
 * Every method of the server, apart from any transport: WebSocket, HTTP and RPC only adapt it. What a method takes and
 * gives, and who may call it, is said in protocol/methods.ts; that the caller may is checked here, and nowhere else.
 */
export class Service {
  readonly #recommender: Recommender
  readonly #metrics: Metrics
  readonly #limiter: RateLimiter
  readonly #version: string
  readonly #state: string | undefined
  /** What trains the next models, if this server does. */
  retraining: Pick<Retraining, 'dataset' | 'abandon'> | undefined
  /** What runs the pushes of this server, if it sends any. */
  push: PushEngine | undefined
  /** The song space of this server, if it serves one. */
  music: ServedLibrary | undefined
  readonly #mixes = new Mixes({
    library: () => this.music,
    itemsOf: (user, signal, client) => this.#recommender.itemsOf(user, signal, client),
    generation: () => this.#recommender.generation.name,
  })
  #isClosing = false

  constructor({ recommender, metrics, limiter, state, version }: ServiceParts) {
    this.#state = state
    this.#recommender = recommender
    this.#metrics = metrics
    this.#limiter = limiter
    this.#version = version
  }

  /**
   * Whether a message of so many bytes is read, and, where that is known already, for the method `name`. To be asked before
   * anything is done for the message.
   */
  decide({ account, caller }: Sender, bytes: number, name?: MethodName): RateDecision {
    if (name !== undefined && probes.has(name)) return 'taken'
    return this.#limiter.decide(account, messageCost(bytes), caller?.sharedRate)
  }

  /** The same of a message that was to be read, and waited: what came of those before it may have cost too much. */
  decideLate({ account, caller }: Sender): RateDecision {
    return this.#limiter.decide(account, 0, caller?.sharedRate)
  }

  /** The same of a message while too many of the sender wait already. */
  decideExcess({ account, caller }: Sender): RateDecision {
    return this.#limiter.decideExcess(account, caller?.sharedRate)
  }

  /** The answer to messages that were refused in silence, if there are any: to be asked `answerInterval` later. */
  rateNotice({ account, caller }: Sender): ServiceError | undefined {
    return this.#limiter.notice(account, caller?.sharedRate)
  }

  /** Counts that the sender was refused what will be refused again: it costs more than what is done. */
  noteError({ account, caller }: Sender, error: WireError): void {
    if (error.retryAfter === undefined) this.#limiter.charge(account, errorCost, caller?.sharedRate)
  }

  /** Takes what is done for the caller, and one for its message where that was not counted as the caller's. */
  #take({ account, caller: { sharedRate }, isCounted = false }: CallContext, cost: number): void {
    this.#limiter.take(account, sharedRate && !isCounted ? 1 + cost : cost, sharedRate)
  }

  /**
   * Calls a method by name; `params` are checked by its schema. A user that they leave out is the one that the caller is bound
   * to. Methods that need not wait give their result at once.
   *
   * @throws {ServiceError} also by rejection: `unknown_method`, `unauthorized`, `forbidden`, `bad_message`, `rate_limited`, and
   *   what the method refuses.
   */
  call(name: string, params: unknown, context: CallContext): unknown {
    const { caller, account, signal } = context
    if (!isMethodName(name)) {
      throw new ServiceError('unknown_method', `expected one of ${Object.keys(methods).join(', ')}, got ${name}`)
    }
    // First, since strangers need not be told what is wrong with their parameters.
    caller.assertMayCall(name)
    signal?.throwIfAborted()
    const checked = check(methods[name].params, withBoundUser(name, params, caller.onlyUser)) as Params<MethodName>
    caller.assertMayActFor(name, checked)
    if (!probes.has(name)) this.#take(context, callCost(name, checked as never))
    const handler = this.#handlers[name] as (
      params: unknown,
      signal: AbortSignal | undefined,
      client: string,
      caller: Caller,
    ) => unknown
    const begun = performance.now()
    const result = handler(checked, signal, account.name, caller)
    if (!(result instanceof Promise)) return result
    return result.then(
      answer => {
        this.#metrics.call(name, performance.now() - begun)
        return answer
      },
      error => Promise.reject(asServiceError(error)),
    )
  }

  /**
   * What `hello` is answered with, whatever methods the caller may call: what the method `info` gives.
   *
   * @throws {ServiceError} `unauthorized` without a credential.
   */
  welcome(caller: Caller): ServiceInfo {
    caller.assertKnown()
    return this.info
  }

  /** What is served, and how. */
  get info(): ServiceInfo {
    const { generation } = this.#recommender
    return {
      version: this.#version,
      generation: generation.name,
      model: modelInfo(generation),
      limits,
      features: [...features, ...(this.push ? ['push'] : []), ...(this.music ? ['music'] : [])],
      methods: Object.keys(methods),
    }
  }

  /** Why the server cannot do its work now, if so. */
  get unreadyReason(): string | undefined {
    if (this.#isClosing) return 'the server is about to end'
    const { storageFailure, isCurrent } = this.#recommender
    if (storageFailure !== undefined) return storageFailure
    if (!isCurrent) return 'the model is still learning from the events that were recorded since its training'
    const failure = this.push?.failure
    return failure === undefined ? undefined : `pushes could not begin: ${failure}; put that right and start again`
  }

  /**
   * Calls `onList` with the list that `query` names, now and whenever it may have changed, until it is closed; never before
   * this returns. All who subscribe to the same get the same object. A user that it leaves out is the one that the caller is
   * bound to.
   *
   * @throws {ServiceError} `unauthorized`, `forbidden` where the caller may not have such a list by `recommend` or `similar`;
   *   `user_required`; `rate_limited`.
   */
  subscribe(context: CallContext, given: StreamQuery, { onList, onError }: SubscriptionHandlers): Subscription {
    const { caller, account } = context
    const query = queryOf(given, caller)
    if (query.kind === 'user') caller.assertMay('recommend', { ...query, unknown: 'popularity' })
    else if (query.kind === 'similar') caller.assertMay('similar', query)
    else caller.assertMay('music_continue', query)
    this.#take(context, queryCost(query))
    const fail = (error: Error) => onError(asServiceError(error))
    switch (query.kind) {
      case 'user':
        return { query, watch: this.#recommender.subscribe(query, onList, fail) }
      case 'similar':
        return { query, watch: this.#recommender.subscribeSimilar(query, onList, fail, account.name) }
      case 'mix':
        return { query, watch: this.#mixes.subscribe(query, account.name, { onList, onError: fail }) }
    }
  }

  /**
   * A song of a subscribed mix was accepted or skipped: another list follows.
   *
   * @throws {ServiceError} `rate_limited`, `unknown_item` where there is no such song, `bad_message` once there are too many.
   */
  async feedback(context: CallContext, mix: MixSubscription, { song, outcome }: MixFeedback): Promise<void> {
    const { account, signal } = context
    this.#take(context, mixCost(mix))
    if (!mix.hasListed(song)) await this.#mixes.call({ client: account.name, signal }, 'song', song, 0)
    mix.feedback(song, outcome)
  }

  /**
   * Makes an event durable, and calls `settle`, also with its user, once it is or cannot be. A user that it leaves out is the
   * one that the caller is bound to.
   *
   * @throws {ServiceError} when it is refused before.
   */
  record(
    context: CallContext,
    given: CallersEvent,
    settle: (result: Recorded | ServiceError, user: string) => void,
  ): void {
    const { caller } = context
    const { user = caller.onlyUser } = given
    if (user === undefined) {
      const expected = 'expected a user in the event'
      throw new ServiceError(
        'user_required',
        `${expected}: neither the key or token nor the subscriptions are of exactly one`,
      )
    }
    const event = { ...given, user }
    caller.assertMay('record', event)
    this.#take(context, 0)
    this.#record(event, result => settle(result, user))
  }

  #record({ time = Date.now(), ...event }: Event, settle: Settle): void {
    if (this.#isClosing) {
      throw new ServiceError('shutting_down', 'the server is about to end: send it again later')
    }
    const { id } = event
    const settled = (outcome: Outcome, isKnown: boolean) => {
      this.#metrics.event(outcome)
      if (outcome !== 'failed') return settle({ id, status: outcome, ...(!isKnown && { known: false }) })
      const reason = this.#recommender.storageFailure ?? 'the disk failed'
      settle(new ServiceError('storage_failed', `the event is not known to be recorded, send it again: ${reason}`))
    }
    try {
      this.#recommender.record({ ...event, time }, settled)
    } catch (error) {
      throw asServiceError(error)
    }
  }

  /** Has subscribed mixes made once more: another song space is served. */
  renewMixes(): void {
    this.#mixes.renew()
  }

  /** The path of a song's sound file. @throws {ServiceError} `unknown_item`; `not_found` where it has none; `unsupported`. */
  async audioFile(song: string, caller: LibraryCaller): Promise<string> {
    const { result } = await this.#mixes.call(caller, 'file', song)
    if (result === undefined) throw new ServiceError('not_found', `the song ${JSON.stringify(song)} has no sound file`)
    return result
  }

  /** Calls `listener` whenever another model is served; gives what ends that. */
  onGeneration(listener: () => void): () => void {
    return this.#recommender.onGeneration(listener)
  }

  /** Serves the model at `directory` from now on: see `Recommender.swap`. */
  async swap(directory: string, signal?: AbortSignal): Promise<Results['swap']> {
    try {
      const generation = await this.#recommender.swap(directory, signal)
      return { generation: generation.name, model: modelInfo(generation) }
    } catch (error) {
      throw asServiceError(error)
    }
  }

  /** Takes no more events; waits until what has begun has ended. */
  async drain(): Promise<void> {
    this.#isClosing = true
    this.#recommender.endSwaps()
    await this.#recommender.drained()
  }

  readonly #handlers: Handlers = {
    ping: () => ({}),
    info: () => this.info,
    health: () => ({ status: 'alive' }),
    ready: () => {
      const reason = this.unreadyReason
      if (reason !== undefined) throw new ServiceError('not_ready', reason)
      return { status: 'ready', generation: this.#recommender.generation.name }
    },
    metrics: async () => ({ text: await this.#metrics.text() }),
    models: () => listModels(this.#recommender.generation.artifact),
    examples: ({ limit }) => exampleUsers(this.#recommender.generation.artifact, limit),
    ...listHandlers(() => this.#recommender),
    record: event => {
      return new Promise((resolve, reject) => {
        this.#record(event, result => (result instanceof ServiceError ? reject(result) : resolve(result)))
      })
    },
    record_batch: async ({ events }) => ({ results: await Promise.all(events.map(event => this.#recordOne(event))) }),
    record_impressions: impressions => this.#recordImpressions(impressions),
    ...catalogueHandlers(() => this.#recommender.catalogue),
    swap: ({ model }, signal) => this.swap(model, signal),
    rollback: ({ from }, signal) => this.#rollback(from, signal),
    forget: ({ user }) => this.#forget(user),
    ...pushHandlers(() => this.push),
    ...musicHandlers(this.#mixes),
  }

  async #rollback(from: string, signal: AbortSignal | undefined): Promise<Results['rollback']> {
    const { generation } = this.#recommender
    const { directory } = generation.artifact
    if (generation.name !== from) return { generation: generation.name, model: modelInfo(generation) }
    // The swap verifies it.
    await withLocks([directory], () => rollBackModel(directory, { verify: false })).catch(error => {
      throw new ServiceError('bad_model', (error as Error).message)
    })
    try {
      return await this.swap(directory, signal)
    } catch (error) {
      await rollBackModel(directory, { verify: false })
      throw error
    }
  }

  async #forget(user: string): Promise<Results['forget']> {
    // It may have read the user's events already.
    await this.retraining?.abandon()
    await forgetPushes(this.#state, user, this.push)
    const forgotten = await this.#recommender.forget(user, this.retraining ? [this.retraining.dataset] : [])
    return { ...forgotten, generation: this.#recommender.generation.name }
  }

  async #recordImpressions({
    time = Date.now(),
    ...given
  }: Params<'record_impressions'>): Promise<RecordedImpressions> {
    if (this.#isClosing) {
      throw new ServiceError('shutting_down', 'the server is about to end: send it again later')
    }
    const { id } = given
    const recorded = new Promise<Outcome>(resolve => this.#recommender.recordImpressions({ ...given, time }, resolve))
    const status = await recorded
    this.#metrics.impressions(status)
    if (status !== 'failed') return { id, status }
    const reason = this.#recommender.storageFailure ?? 'the disk failed'
    throw new ServiceError('storage_failed', `the impressions are not known to be recorded, send them again: ${reason}`)
  }

  #recordOne(event: Event): Promise<RecordResult> {
    const { id } = event
    return new Promise((resolve, reject) => {
      try {
        this.#record(event, result => {
          resolve(result instanceof ServiceError ? { id, error: wireError(result) } : result)
        })
      } catch (error) {
        if (error instanceof ServiceError) resolve({ id, error: wireError(error) })
        else reject(error)
      }
    })
  }
}

/** @throws {ServiceError} `user_required` */
function queryOf(query: StreamQuery, { onlyUser }: Caller): Query {
  if (query.kind === 'mix') return withTaster(query, onlyUser)
  if (query.kind === 'similar') return query
  const user = query.user ?? onlyUser
  if (user !== undefined) return { ...query, user }
  throw new ServiceError('user_required', 'query.user: expected the id of a user, since the socket is not bound to one')
}

/** The refusal that `error` is to a client; what is a fault of ours stays as it is. */
function asServiceError<Given>(error: Given): ServiceError {
  if (error instanceof CatalogueError) return new ServiceError('bad_message', error.message)
  if (error instanceof CatalogueStorageError) return new ServiceError('storage_failed', error.message)
  if (error instanceof RecommendError) return new ServiceError(error.reason, error.message, error.retryAfter)
  if (error instanceof PushStorageError) return new ServiceError('storage_failed', error.message)
  if (error instanceof UnsupportedError) return new ServiceError('unsupported', error.message)
  return error as unknown as ServiceError
}

export function modelInfo({ artifact, models, placing, placedItems, itemRows }: Generation): ModelInfo {
  return {
    algorithm: artifact.manifest.algorithm,
    capabilities: models.capabilities,
    similarBy: models.similarBy,
    sources: models.sources,
    users: artifact.manifest.dataset.users,
    items: artifact.manifest.dataset.items,
    ...(placing && { placing: { ...placing, placed: placedItems, left: itemRows.leftToPlace } }),
  }
}
