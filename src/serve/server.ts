import uws, { type us_listen_socket } from 'uWebSockets.js'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Journal } from '../events/journal.ts'
import { WireError } from '../protocol/errors.ts'
import { limits } from '../protocol/limits.ts'
import { protocolVersion, type Recommendation, type Welcome } from '../protocol/messages.ts'
import { Generation } from '../recommend/generation.ts'
import { Engine } from '../recommend/micro-batches.ts'
import { Feed, written } from '../recommend/recommender.ts'
import { Origins } from './http/origins.ts'
import { type Desk, route } from './http/routes.ts'
import { Metrics } from './metrics.ts'
import type { House } from './websocket/session.ts'
import { Stream } from './websocket/stream.ts'

export interface ServeOptions {
  /** Directory of the model. */
  readonly model: string
  /** Directory of the events; made if there is none. */
  readonly state: string
  /** 0: any that is free. */
  readonly port: number
  /** Name or address to listen at. Default: 127.0.0.1, this machine only. */
  readonly host?: string
  /** Origins of the web pages that may use the server besides its own; `*` for any. Default: none. */
  readonly cors?: readonly string[]
  /** Workers that rank. Default: as many threads as the machine runs at once. */
  readonly threads?: number | undefined
  /** Events before this (ms since 1970) are part of the model already. Default: 0. */
  readonly since?: number | undefined
  /** Sockets open at once. Default: 10,000. */
  readonly maxConnections?: number
  /** Seconds after which a socket that answers no ping is closed, 8 to 960. Default: 60. */
  readonly idleTimeout?: number
  /** Of the program, told in `welcome`. */
  readonly version: string
  readonly log: Logger
}

/** In ms: how long a shutdown waits for work that has begun. */
const drainWithin = 10_000
/** In ms: what the network has to take the goodbyes before the sockets are torn down. */
const goodbyeWithin = 50

/** A running server: this thread speaks with clients, the journal's writes events, the generation's workers rank. */
export class Server {
  readonly #generation: Generation
  readonly #journal: Journal
  readonly #engine: Engine
  readonly #stream: Stream
  readonly #app = uws.App()
  readonly #log: Logger
  readonly #host: string
  #listening: us_listen_socket | undefined
  #closing = false

  /**
   * Opens the model and the state, and listens.
   *
   * @throws if the model is missing or altered, the state is in use, or the port is taken.
   */
  static async start(options: ServeOptions): Promise<Server> {
    const { model, state, since = 0, threads, port, log } = options
    const metrics = new Metrics()
    const onCommit = (events: number, took: number, failure?: string) => {
      metrics.commit(events, took)
      if (failure !== undefined) log.error({ events, failure }, 'events could not be made durable')
    }
    const journal = await Journal.open(state, { since, onCommit })
    try {
      const generation = await Generation.open(model, threads)
      try {
        const server = new Server(generation, journal, metrics, options)
        server.#listening = await listen(server.#app, server.#host, port)
        return server
      } catch (error) {
        await generation.close()
        throw error
      }
    } catch (error) {
      await journal.close()
      throw error
    }
  }

  private constructor(generation: Generation, journal: Journal, metrics: Metrics, options: ServeOptions) {
    const { host = '127.0.0.1', cors = [], maxConnections = 10_000, idleTimeout = 60, version, log } = options
    this.#host = host
    this.#log = log
    this.#generation = generation
    this.#journal = journal
    this.#engine = new Engine(generation.pool, { onBatch: (queries, took) => metrics.batch(queries, took) })
    const feed = new Feed({
      ...{ generation: generation.name, model: generation.model, engine: this.#engine, journal },
      onList: took => metrics.list(took),
    })
    const shared = {
      feed,
      closing: () => this.#closing,
      onEvent: outcome => metrics.event(outcome),
      onError: code => metrics.error(code),
      onFault: error => log.error(error, 'a fault of the server'),
    } satisfies Partial<House & Desk>
    const house: House = {
      ...shared,
      welcome: welcome(generation, version),
      storageFailure: () => journal.failure,
      onSkippedList: () => metrics.skippedList(),
    }
    const origins = new Origins(cors)
    const allows = (origin: string, at: string) => origins.allows(origin, at)
    this.#stream = new Stream(this.#app, house, { maxConnections, idleTimeout, allows })
    route(this.#app, {
      ...{ ...shared, generation: generation.name, origins },
      similar: (item, limit) => similar(generation, item, limit),
      unready: () => (this.#closing ? 'the server is about to end' : journal.failure),
      metrics: () => metrics.text(),
    })
    metrics.watch({
      connections: () => this.#stream.sessions.size,
      subscriptions: () => this.#stream.subscriptions,
      people: () => feed.people,
      waitingQueries: () => this.#engine.waiting,
      waitingEvents: () => journal.pending,
    })
  }

  get url(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.port}`
  }

  get port(): number {
    return uws.us_socket_local_port(this.#listening as unknown as uws.us_socket)
  }

  /**
   * Takes no more connections and events, lets what has begun end, writes the last acks and lists, says goodbye (1001),
   * and lets go of model and state.
   */
  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    if (this.#listening) uws.us_listen_socket_close(this.#listening)
    const drained = this.#journal.flushed().then(() => this.#engine.drained())
    const late = wait(drainWithin, 'late', { ref: false })
    if ((await Promise.race([drained, late])) === 'late') this.#log.warn('some work did not end in time')
    this.#stream.end()
    await wait(goodbyeWithin)
    this.#app.close()
    await this.#journal.close()
    await this.#generation.close()
  }
}

function welcome({ name, model }: Generation, version: string): Welcome {
  return {
    ...{ type: 'welcome', protocol: protocolVersion, version, generation: name },
    model: { kind: model.manifest.kind, factors: model.rank, users: model.users.size, items: model.items.size },
    limits,
  }
}

async function similar(generation: Generation, id: string, limit: number): Promise<Recommendation[]> {
  const { items: ids } = generation.model
  const item = ids.indexOf(id)
  if (item < 0) throw new WireError('unknown_item', `the model has no item ${JSON.stringify(id)}`)
  const { items, scores } = await generation.similar(item, limit)
  return Array.from(items, (index, i) => ({ item: written(ids.at(index)), score: scores[i] }))
}

function listen(app: uws.TemplatedApp, host: string, port: number): Promise<us_listen_socket> {
  // Without this option two servers could share a port, and each would get some of the connections.
  const exclusive = uws.ListenOptions?.LIBUS_LISTEN_EXCLUSIVE_PORT ?? 1
  type Listen = (host: string, port: number, option: number, told: (socket: us_listen_socket | false) => void) => void
  return new Promise((resolve, reject) => {
    // The declarations of uWebSockets.js do not have this form; the program does.
    ;(app.listen as unknown as Listen).call(app, host, port, exclusive, socket => {
      if (socket) resolve(socket)
      else reject(new Error(`cannot listen at ${host}:${port}: the port is taken, or the host is not of this machine`))
    })
  })
}
