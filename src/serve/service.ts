import type { Outcome } from '../events/journal.ts'
import { UnsupportedError } from '../models/open-model.ts'
import { rollBackModel } from '../models/published.ts'
import { check } from '../protocol/codec.ts'
import { ServiceError, type WireError, wireError } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import type { ListContent } from '../protocol/messages.ts'
import {
  isMethodName,
  type MethodName,
  methods,
  type Params,
  type Results,
  type ServiceInfo,
} from '../protocol/methods.ts'
import type { Event, ModelInfo, Query, Recorded, RecordResult } from '../protocol/values.ts'
import { features } from '../protocol/versions.ts'
import { RecommendError } from '../recommend/errors.ts'
import type { Generation } from '../recommend/generation.ts'
import type { Recommender } from '../recommend/recommender.ts'
import type { Watch } from '../recommend/watched-list.ts'
import type { Caller } from './access/caller.ts'
import type { Client } from './load/client.ts'
import { callCost, messageCost, probes, queryCost, refusalCost } from './load/cost.ts'
import type { RateLimiter, Refusal } from './load/rate-limiter.ts'
import type { Metrics } from './metrics.ts'
import type { Retraining } from './retraining.ts'

/** The caller, and until when the answer is wanted. */
export interface CallContext {
  readonly caller: Caller
  /** Whose share of the server it takes. */
  readonly client: Client
  /** Aborting it ends the call, which then fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export interface ServiceParts {
  readonly recommender: Recommender
  readonly metrics: Metrics
  readonly limiter: RateLimiter
  /** Of the program. */
  readonly version: string
}

type Settle = (result: Recorded | ServiceError) => void

type Handlers = {
  readonly [Name in MethodName]: (
    params: Params<Name>,
    signal: AbortSignal | undefined,
    client: Client,
  ) => Results[Name] | Promise<Results[Name]>
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
  /** What trains the next models, if this server does. */
  retraining: Pick<Retraining, 'dataset' | 'abandon'> | undefined
  #isClosing = false

  constructor({ recommender, metrics, limiter, version }: ServiceParts) {
    this.#recommender = recommender
    this.#metrics = metrics
    this.#limiter = limiter
    this.#version = version
  }

  /**
   * Whether a message of `client` is read, of so many bytes and, where that is known already, for the method `name`: gives why
   * not. To be asked before anything is done for the message.
   */
  refusalOf(client: Client, bytes: number, method?: string): Refusal | undefined {
    return method !== undefined && probes.has(method) ? undefined : this.#refusalOf(client, messageCost(bytes))
  }

  /** The same of a message that was to be read, and waited: what came of those before it may have cost too much. */
  lateRefusalOf(client: Client): Refusal | undefined {
    return this.#refusalOf(client, 0)
  }

  /** The same of a message while too many of `client` wait already. */
  excessRefusalOf({ name, isLimited }: Client): Refusal | undefined {
    return isLimited ? this.#limiter.excess(name) : undefined
  }

  #refusalOf({ name, isLimited }: Client, cost: number): Refusal | undefined {
    return isLimited ? this.#limiter.refusalOf(name, cost) : undefined
  }

  /** The answer to messages that were refused in silence, if there are any: to be asked `answerInterval` later. */
  refusalNotice({ name }: Client): ServiceError | undefined {
    return this.#limiter.notice(name)
  }

  /** Counts that `client` was refused what will be refused again: it costs more than what is done. */
  noteRefusal({ name, isLimited }: Client, error: WireError): void {
    if (isLimited && error.retryAfter === undefined) this.#limiter.charge(name, refusalCost)
  }

  /**
   * Calls a method by name; `params` are checked by its schema. Methods that need not wait give their result at once.
   *
   * @throws {ServiceError} also by rejection: `unknown_method`, `unauthorized`, `forbidden`, `bad_message`, `rate_limited`, and
   *   what the method refuses.
   */
  call(name: string, params: unknown, { caller, client, signal }: CallContext): unknown {
    if (!isMethodName(name)) {
      throw new ServiceError('unknown_method', `expected one of ${Object.keys(methods).join(', ')}, got ${name}`)
    }
    // First, since strangers need not be told what is wrong with their parameters.
    caller.assertMayCall(name)
    signal?.throwIfAborted()
    const checked = check(methods[name].params, params) as Params<MethodName>
    caller.assertMayActFor(name, checked)
    const cost = callCost(name, checked as never)
    if (client.isLimited) this.#limiter.take(client.name, cost)
    this.#takeShare(caller, cost)
    const handler = this.#handlers[name] as (
      params: unknown,
      signal: AbortSignal | undefined,
      client: Client,
    ) => unknown
    const result = handler(checked, signal, client)
    return result instanceof Promise ? result.catch(error => Promise.reject(asServiceError(error))) : result
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
      features,
      methods: Object.keys(methods),
    }
  }

  /** Why the server cannot do its work now, if so. */
  get unreadyReason(): string | undefined {
    return this.#isClosing ? 'the server is about to end' : this.#recommender.storageFailure
  }

  /**
   * Calls `onList` with the list that `query` names, now and whenever it may have changed, until it is closed;
   * never before this returns. All who subscribe to the same get the same object.
   *
   * @throws {ServiceError} `unauthorized`, `forbidden` where the caller may not have such a list by `recommend` or `similar`;
   *   `rate_limited`.
   */
  subscribe(
    caller: Caller,
    query: Query,
    onList: (list: ListContent) => void,
    onError: (error: ServiceError) => void,
    { name, isLimited }: Client,
  ): Watch {
    if (query.kind === 'user') caller.assertMay('recommend', { ...query, unknown: 'popularity' })
    else caller.assertMay('similar', query)
    const cost = queryCost(query)
    if (isLimited) this.#limiter.take(name, cost)
    this.#takeShare(caller, cost)
    const fail = (error: Error) => onError(asServiceError(error))
    if (query.kind === 'user') return this.#recommender.subscribe(query, onList, fail)
    return this.#recommender.subscribeSimilar(query, onList, fail, name)
  }

  /** Takes what is done for the caller, and one for its message, from what its key shares. */
  #takeShare({ share }: Caller, cost: number): void {
    if (share) this.#limiter.take(share.name, 1 + cost, share.rate)
  }

  /**
   * Makes an event durable, and calls `settle` once it is or cannot be.
   *
   * @throws {ServiceError} when it is refused before.
   */
  record(caller: Caller, event: Event, settle: Settle): void {
    caller.assertMay('record', event)
    this.#takeShare(caller, 0)
    this.#record(event, settle)
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
    recommend: async (query, signal, client) => {
      const { user } = query
      if (query.unknown === 'error' && !(await this.#recommender.knows(user))) {
        throw new ServiceError(
          'unknown_user',
          `neither the model nor the events know the user ${JSON.stringify(user)}; for a list by popularity leave unknown=error out`,
        )
      }
      return { user, ...(await this.#recommender.recommend(query, signal, client.name)) }
    },
    recommend_batch: ({ users, ...filters }, signal, client) =>
      this.#recommender.recommendBatch(users, filters, signal, client.name),
    similar: async (query, signal, client) => ({
      item: query.item,
      ...(await this.#recommender.similar(query, signal, client.name)),
    }),
    record: event => {
      return new Promise((resolve, reject) => {
        this.#record(event, result => (result instanceof ServiceError ? reject(result) : resolve(result)))
      })
    },
    record_batch: async ({ events }) => ({ results: await Promise.all(events.map(event => this.#recordOne(event))) }),
    swap: ({ model }, signal) => this.swap(model, signal),
    rollback: (_, signal) => this.#rollback(signal),
    forget: ({ user }) => this.#forget(user),
  }

  async #rollback(signal: AbortSignal | undefined): Promise<Results['rollback']> {
    const { directory } = this.#recommender.generation.artifact
    await rollBackModel(directory).catch(error => {
      throw new ServiceError('bad_model', (error as Error).message)
    })
    try {
      return await this.swap(directory, signal)
    } catch (error) {
      await rollBackModel(directory)
      throw error
    }
  }

  async #forget(user: string): Promise<Results['forget']> {
    // It may have read the user's events already.
    await this.retraining?.abandon()
    const forgotten = await this.#recommender.forget(user, this.retraining ? [this.retraining.dataset] : [])
    return { ...forgotten, generation: this.#recommender.generation.name }
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

/** The refusal that `error` is to a client; what is a fault of ours stays as it is. */
function asServiceError<Given>(error: Given): ServiceError {
  if (error instanceof RecommendError) return new ServiceError(error.reason, error.message, error.retryAfter)
  if (error instanceof UnsupportedError) return new ServiceError('unsupported', error.message)
  return error as unknown as ServiceError
}

export function modelInfo({ artifact, models }: Generation): ModelInfo {
  return {
    algorithm: artifact.manifest.algorithm,
    capabilities: models.capabilities,
    users: artifact.manifest.dataset.users,
    items: artifact.manifest.dataset.items,
  }
}
