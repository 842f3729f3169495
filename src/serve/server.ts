import uws, { type us_listen_socket } from 'uWebSockets.js'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Recommender, type RecommenderOptions } from '../recommend/recommender.ts'
import { assertWholeNumber } from '../storage/whole-number.ts'
import { FaultLog } from './fault-log.ts'
import { socketsLeft } from './file-limit.ts'
import { HttpFront } from './http/http-front.ts'
import { Origins } from './http/origins.ts'
import { RateLimiter } from './load/rate-limiter.ts'
import { SendMemory } from './load/send-memory.ts'
import { Metrics } from './metrics.ts'
import { RpcServer, type RpcServerOptions } from './rpc/rpc-server.ts'
import { Service } from './service.ts'
import { SocketLimit } from './socket-limit.ts'
import { FrameTurns } from './websocket/frame-turns.ts'
import { WebSocketFront } from './websocket/websocket-front.ts'

export interface ServeOptions extends Pick<RecommenderOptions, 'model' | 'threads' | 'since' | 'historyLimit'> {
  /** Directory of the events; made if there is none. */
  readonly state: string
  /** 0: any that is free. */
  readonly port: number
  /** Name or address to listen at. Default: 127.0.0.1, this machine only. */
  readonly host?: string | undefined
  /** Address of the internal RPC, as `unix:/run/aurochs.sock` or `127.0.0.1:9000`. Default: none. */
  readonly rpc?: string | undefined
  /** Origins of the web pages that may use the server besides its own; `*` for any. Default: none. */
  readonly cors?: readonly string[] | undefined
  /** Sockets open at once, 1 or more. Default: 10,000. */
  readonly maxConnections?: number | undefined
  /** Seconds after which a socket that answers no ping is closed, 8 to 960. Default: 60. */
  readonly idleTimeout?: number | undefined
  /**
   * Units a second that each client may ask for, and twice as many at once: an event is one, a list of 1,000 items about
   * twenty. Clients are sockets and, for HTTP, addresses; those of the internal RPC are not limited. 0: any number.
   * Default: 5,000.
   */
  readonly rate?: number | undefined
  /** Bytes that may wait until they are read, of all connections together: beyond, slow readers are closed. Default: 256 MiB. */
  readonly sendMemory?: number | undefined
  /** Of the program, given in `welcome`. */
  readonly version: string
  readonly log: Logger
}

/** In ms: how long a shutdown waits for work that has begun. */
const drainTimeout = 10_000
/** In ms: what the network has to take the closing frames, and clients that keep connections alive to send a last request. */
const closingTimeout = 100

/** A running server: this thread serves the connections, the journal's writes events, the generation's workers rank. */
export class Server {
  readonly service: Service
  readonly #recommender: Recommender
  readonly #app = uws.App()
  readonly #http: HttpFront
  readonly #sockets: WebSocketFront
  readonly #log: Logger
  readonly #host: string
  readonly #rpcOptions: RpcServerOptions
  #rpc: RpcServer | undefined
  #listening: us_listen_socket | undefined
  #closed: Promise<void> | undefined

  /**
   * Opens the model and the state, and listens.
   *
   * @throws RangeError when an option is out of its range. Error when the model is missing or altered, the state is in use, or the address is taken.
   */
  static async start(options: ServeOptions): Promise<Server> {
    const { port, rpc, log, idleTimeout, maxConnections, rate, sendMemory } = options
    assertWholeNumber('port', port, 0, 65_535)
    // Out of this range, uWebSockets ends the process.
    if (idleTimeout !== undefined) assertWholeNumber('idleTimeout', idleTimeout, 8, 960)
    if (maxConnections !== undefined) assertWholeNumber('maxConnections', maxConnections, 1, 1_000_000)
    if (rate !== undefined) assertWholeNumber('rate', rate, 0, 1_000_000_000)
    if (sendMemory !== undefined) assertWholeNumber('sendMemory', sendMemory, 2 ** 20)
    const metrics = new Metrics()
    const faults = new FaultLog(log)
    const recommender = await Recommender.open({
      model: options.model,
      state: options.state,
      threads: options.threads,
      since: options.since,
      historyLimit: options.historyLimit,
      onBatch: (queries, took) => metrics.batch(queries, took),
      onList: took => metrics.list(took),
      onCommit: (events, took, failure) => {
        metrics.commit(events, took)
        if (failure !== undefined) faults.report(failure, 'events could not be made durable')
      },
      onFault: error => faults.report(error),
    })
    try {
      const server = new Server(recommender, metrics, faults, options)
      if (rpc !== undefined) server.#rpc = await RpcServer.open(server.service, rpc, server.#rpcOptions)
      try {
        server.#listening = await listen(server.#app, server.#host, port)
      } catch (error) {
        await server.#rpc?.close()
        throw error
      }
      return server
    } catch (error) {
      await recommender.close()
      throw error
    }
  }

  private constructor(recommender: Recommender, metrics: Metrics, faults: FaultLog, options: ServeOptions) {
    const { host = '127.0.0.1', cors = [], idleTimeout = 60, rate = 5000, version, log } = options
    const { http: most, webSockets: maxConnections, rpc: maxRpcConnections } = socketLimits(options)
    this.#host = host
    this.#log = log
    this.#recommender = recommender
    this.service = new Service({ recommender, metrics, limiter: new RateLimiter(rate), version })
    const origins = new Origins(cors)
    const memory = new SendMemory(options.sendMemory ?? 256 * 2 ** 20)
    const context = {
      service: this.service,
      memory,
      turns: new FrameTurns(),
      origins,
      onError: metrics.error.bind(metrics),
      onSkippedList: metrics.skippedList.bind(metrics),
      onFault: (error: unknown) => faults.report(error),
      isClosing: () => this.#closed !== undefined,
    }
    const { onError, onFault } = context
    this.#rpcOptions = { log, memory, onError, onFault, maxConnections: maxRpcConnections }
    this.#sockets = new WebSocketFront(this.#app, context, {
      maxConnections,
      idleTimeout,
      allows: (origin, at) => origins.allows(origin, at),
      isClosing: context.isClosing,
      sockets: new SocketLimit(this.#app, most),
    })
    this.#http = new HttpFront(this.#app, context)
    recommender.onGeneration(() => {
      const { generation, model } = this.service.info
      log.info({ generation, model }, 'another model is served')
    })
    metrics.watch({
      connections: () => this.#sockets.connections,
      subscriptions: () => this.#sockets.subscriptions,
      cachedUsers: () => recommender.cachedUsers,
      waitingQueries: () => recommender.waitingQueries,
      waitingEvents: () => recommender.pendingEvents,
      unsentBytes: () => memory.total,
    })
  }

  get url(): string {
    return `http://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.port}`
  }

  get port(): number {
    return uws.us_socket_local_port(this.#listening as unknown as uws.us_socket)
  }

  /** Where the internal RPC listens, if it does: with the port that was taken. */
  get rpc(): string | undefined {
    return this.#rpc?.address
  }

  /**
   * Takes no more connections and events, lets what has begun end, writes the last acks, lists and answers, closes the
   * sockets (1001), and releases model and state.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    if (this.#listening) uws.us_listen_socket_close(this.#listening)
    const drained = Promise.all([this.service.drain(), this.#http.answered()])
    const late = wait(drainTimeout, 'late', { ref: false })
    if ((await Promise.race([drained, late])) === 'late') this.#log.warn('some work did not end in time')
    await this.#rpc?.close()
    this.#sockets.end()
    await wait(closingTimeout)
    // What came meanwhile on a connection that was kept alive.
    await Promise.race([this.#http.answered(), late])
    this.#app.close()
    await this.#recommender.close()
  }
}

/**
 * How many sockets each front may have at once: as wanted, but no more than there may be open files.
 *
 * @throws RangeError where not even a few fit.
 */
function socketLimits({ maxConnections = 10_000, rpc, log }: ServeOptions) {
  const wanted = { webSockets: maxConnections, rpc: rpc === undefined ? 0 : 1024 }
  // A few more than there may be WebSockets: probes and other requests go on when these are at their limit.
  const all = maxConnections + 1000 + wanted.rpc
  const left = socketsLeft() ?? all
  if (left >= all) return { ...wanted, http: maxConnections + 1000 }
  if (left < 16) throw new RangeError('too few files may be open: raise the limit, as by ulimit -n 65536')
  const share = left / all
  const limits = {
    http: Math.floor((maxConnections + 1000) * share),
    webSockets: Math.floor(maxConnections * share),
    rpc: Math.floor(wanted.rpc * share),
  }
  log.warn(limits, 'connections are limited further by the open files that are allowed: raise ulimit -n')
  return limits
}

function listen(app: uws.TemplatedApp, host: string, port: number): Promise<us_listen_socket> {
  // Without this option two servers could share a port, and each would get some of the connections.
  const exclusive = uws.ListenOptions?.LIBUS_LISTEN_EXCLUSIVE_PORT ?? 1
  type Listen = (host: string, port: number, option: number, done: (socket: us_listen_socket | false) => void) => void
  return new Promise((resolve, reject) => {
    // The declarations of uWebSockets.js do not have this form; the program does.
    ;(app.listen as unknown as Listen).call(app, host, port, exclusive, socket => {
      if (socket) resolve(socket)
      else reject(new Error(`cannot listen at ${host}:${port}: the port is taken, or the host is not of this machine`))
    })
  })
}
