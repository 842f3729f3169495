import uws, { type us_listen_socket } from 'uWebSockets.js'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { inspectArtifact } from '../models/artifact/artifact.ts'
import { ServedLibrary } from '../music/library/served-library.ts'
import { parseRpcAddress, type RpcAddress } from '../protocol/rpc-address.ts'
import { PushEngine, type PushEngineOptions } from '../push/live/engine.ts'
import { Recommender, type RecommenderOptions } from '../recommend/recommender.ts'
import { ModelWatch } from '../recommend/retraining/model-watch.ts'
import { assertOfDataset } from '../recommend/retraining/retrain.ts'
import { longestInterval } from '../recommend/retraining/schedule.ts'
import { Dataset } from '../storage/dataset.ts'
import { assertWholeNumber } from '../storage/whole-number.ts'
import { Access } from './access/access.ts'
import { rpcAuthenticator, webAuthenticator } from './access/authenticator.ts'
import { exposedAddress } from './access/exposure.ts'
import { Refusals } from './access/refusals.ts'
import { FaultLog } from './fault-log.ts'
import { socketsLeft } from './file-limit.ts'
import { Hosts } from './http/hosts.ts'
import { HttpFront } from './http/http-front.ts'
import { Origins } from './http/origins.ts'
import { RateLimiter } from './load/rate-limiter.ts'
import { SendMemory } from './load/send-memory.ts'
import { Turns } from './load/turns.ts'
import { Metrics } from './metrics.ts'
import { openAudio } from './music/audio-files.ts'
import type { AudioOf } from './music/audio-front.ts'
import { PageFront } from './page/page-front.ts'
import { Retraining, type RetrainingOptions } from './retraining.ts'
import { RpcServer, type RpcServerOptions } from './rpc/rpc-server.ts'
import { Service } from './service.ts'
import { SocketLimit } from './socket-limit.ts'
import { assertTlsFiles, type TlsFiles } from './tls.ts'
import { WebSocketFront } from './websocket/websocket-front.ts'

type FromRecommender = Pick<
  RecommenderOptions,
  'model' | 'threads' | 'since' | 'historyLimit' | 'impressionDecay' | 'impressionHalfLife'
>

export interface ServeOptions extends FromRecommender {
  /** Directory of the events; made if there is none. */
  readonly state: string
  /** 0: any that is free. */
  readonly port: number
  /** Name or address to listen at. Default: 127.0.0.1, this machine only. */
  readonly host?: string | undefined
  /**
   * Names by which HTTP and WebSocket clients may address the server besides localhost and `host`; `*` for any. Where
   * `host` is 0.0.0.0 or ::, every address is one. Default: none.
   */
  readonly allowHosts?: readonly string[] | undefined
  /**
   * Whether it serves other machines also without keys, or with none that is not revoked: then whoever reaches it may read and
   * write as any user. Default: it refuses to start where `host` or `rpc` are not of this machine alone and the state has no
   * key; and where all are revoked, it lets nobody in.
   */
  readonly open?: boolean | undefined
  /** Certificate and private key: then it serves by https and wss only. Default: http and ws. */
  readonly tls?: TlsFiles | undefined
  /** Address of the internal RPC, as `unix:/run/aurochs.sock` or `127.0.0.1:9000`. Default: none. */
  readonly rpc?: string | undefined
  /** Whether a browser gets a page at `/` to try and watch the server. Default: yes. */
  readonly page?: boolean | undefined
  /** Origins of the web pages that may use the server besides its own; `*` for any. Default: none. */
  readonly cors?: readonly string[] | undefined
  /** Sockets open at once, 1 or more. Default: 10,000. */
  readonly maxConnections?: number | undefined
  /** Seconds after which a socket that answers no ping is closed, 8 to 960. Default: 60. */
  readonly idleTimeout?: number | undefined
  /** Trains the next model of what is recorded, and serves it. Default: never. */
  readonly retrain?: RetrainingOptions | undefined
  /** Directory whose model is served whenever another takes its place, as when another process has trained it. Default: none. */
  readonly watch?: string | undefined
  /**
   * Units a second that each client may ask for, and twice as many at once: an event is one, a list of 1,000 items about
   * twenty. Clients are sockets and, for HTTP, addresses; who shows a key with a rate of its own is counted by that
   * instead, and those of the internal RPC are not limited. 0: any number.
   * Default: 5,000.
   */
  readonly rate?: number | undefined
  /** Sends pushes: the configuration, and what makes the loop that decides. Default: it sends none. */
  readonly push?: Pick<PushEngineOptions, 'config' | 'steps'> | undefined
  /** Serves music: the directory of a song space, which is opened anew when another takes its place. Default: none. */
  readonly music?: string | undefined
  /** With `music`: the directory below which the sound files of its songs lie that may be played. Default: none may. */
  readonly audio?: string | undefined
  /** Bytes that may wait until they are read, of all connections together: beyond, slow readers are closed. Default: 256 MiB. */
  readonly sendMemory?: number | undefined
  /** Of the program, given in `welcome`. */
  readonly version: string
  readonly log: Logger
}

/** Found at the start, not at the first retraining. @throws Error as {@link assertOfDataset}, or when it is no dataset. */
function assertDataset(directory: string, model: string): void {
  const dataset = Dataset.open(directory)
  try {
    assertOfDataset(model, dataset)
  } finally {
    dataset.close()
  }
}

/** In ms: how long a shutdown waits for work that has begun. */
const drainTimeout = 10_000
/** In ms: what the network has to take the closing frames, and clients that keep connections alive to send a last request. */
const closingTimeout = 100

const defaultHost = '127.0.0.1'

/** What is told of what happens. */
interface Observers {
  readonly metrics: Metrics
  readonly faults: FaultLog
  readonly refusals: Refusals
}

/** A running server: this thread serves the connections, the journal's writes events, the generation's workers rank. */
export class Server {
  readonly service: Service
  readonly #recommender: Recommender
  readonly #access: Access
  readonly #app: uws.TemplatedApp
  readonly #http: HttpFront
  readonly #sockets: WebSocketFront
  readonly #log: Logger
  readonly #host: string
  readonly #scheme: 'http' | 'https'
  readonly #rpcOptions: RpcServerOptions
  #rpc: RpcServer | undefined
  #retraining: Retraining | undefined
  #watch: ModelWatch | undefined
  #musicWatch: ModelWatch | undefined
  #listening: us_listen_socket | undefined
  #closed: Promise<void> | undefined

  /**
   * Opens the model and the state, and listens.
   *
   * @throws RangeError when an option is out of its range. Error when the model is missing or altered, the state is in
   *   use, the address is taken, the files of `tls` cannot be used, or other machines would be let in without keys.
   */
  static async start(options: ServeOptions): Promise<Server> {
    const { port, rpc, log, idleTimeout, maxConnections, rate, sendMemory } = options
    assertWholeNumber('port', port, 0, 65_535)
    // Out of this range, uWebSockets ends the process.
    if (idleTimeout !== undefined) assertWholeNumber('idleTimeout', idleTimeout, 8, 960)
    if (maxConnections !== undefined) assertWholeNumber('maxConnections', maxConnections, 1, 1_000_000)
    if (options.tls) assertTlsFiles(options.tls)
    if (rate !== undefined) assertWholeNumber('rate', rate, 0, 1_000_000_000)
    if (options.retrain) assertWholeNumber('retrain.interval', options.retrain.interval, 1, longestInterval)
    if (sendMemory !== undefined) assertWholeNumber('sendMemory', sendMemory, 2 ** 20)
    if (options.retrain) assertDataset(options.retrain.dataset, options.model)
    const metrics = new Metrics()
    const faults = new FaultLog(log)
    const refusals = new Refusals(log, reason => metrics.refusal(reason))
    const access = openAccess(options, refusals, faults)
    const opened = Recommender.open({
      model: options.model,
      state: options.state,
      datasets: options.retrain && [options.retrain.dataset],
      threads: options.threads,
      since: options.since,
      historyLimit: options.historyLimit,
      impressionDecay: options.impressionDecay,
      impressionHalfLife: options.impressionHalfLife,
      onBatch: (queries, took) => metrics.batch(queries, took),
      onList: took => metrics.list(took),
      onCommit: (events, took, failure) => {
        metrics.commit(events, took)
        if (failure !== undefined) faults.report(failure, 'events could not be made durable')
      },
      onFault: error => faults.report(error),
    })
    let recommender: Recommender | undefined
    try {
      recommender = await opened
      const server = new Server(recommender, access, { metrics, faults, refusals }, options)
      if (rpc !== undefined) server.#rpc = await RpcServer.open(server.service, rpc, server.#rpcOptions)
      try {
        await server.#openMusic(options, faults)
        await server.#startPushes(options, metrics)
        server.#listening = await listen(server.#app, server.#host, port)
        server.#followModels(options)
      } catch (error) {
        await server.service.push?.stop()
        await server.service.music?.close()
        await server.#rpc?.close()
        throw error
      }
      return server
    } catch (error) {
      await recommender?.close()
      access.close()
      throw error
    }
  }

  private constructor(
    recommender: Recommender,
    access: Access,
    { metrics, faults, refusals }: Observers,
    options: ServeOptions,
  ) {
    const {
      host = defaultHost,
      allowHosts = [],
      push,
      cors = [],
      idleTimeout = 60,
      rate = 5000,
      tls,
      version,
      log,
    } = options
    this.#app = tls ? uws.SSLApp({ cert_file_name: tls.cert, key_file_name: tls.key }) : uws.App()
    this.#scheme = tls ? 'https' : 'http'
    const { http: most, webSockets: maxConnections, rpc: maxRpcConnections } = socketLimits(options)
    this.#host = host
    this.#log = log
    this.#recommender = recommender
    this.service = new Service({ recommender, metrics, limiter: new RateLimiter(rate), state: options.state, version })
    const admission = {
      hosts: new Hosts(host, [...allowHosts, ...linkHosts(push)]),
      origins: new Origins(cors),
      refusals,
    }
    const memory = new SendMemory(options.sendMemory ?? 256 * 2 ** 20)
    this.#access = access
    const context = {
      service: this.service,
      memory,
      isLimited: true,
      readTurns: new Turns(),
      answerTurns: new Turns(),
      admission,
      authenticator: webAuthenticator(access, host),
      page: options.page === false ? undefined : new PageFront(),
      onError: metrics.error.bind(metrics),
      onSkippedList: metrics.skippedList.bind(metrics),
      onFault: (error: unknown) => faults.report(error),
      isClosing: () => this.#closed !== undefined,
      audioOf: audioOf(this.service, options.audio),
      follow:
        push?.config.sending.links &&
        ((address: string, isClick: boolean) => this.service.push?.follow(address, isClick)),
    }
    const { onError, onFault } = context
    this.#rpcOptions = {
      authenticatorOf: (address: RpcAddress) => rpcAuthenticator(access, address),
      // Its clients are other services of the same operator.
      isLimited: false,
      log,
      memory,
      onError,
      onFault,
      maxConnections: maxRpcConnections,
    }
    this.#sockets = new WebSocketFront(this.#app, context, {
      maxConnections,
      idleTimeout,
      admission,
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
    return `${this.#scheme}://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.port}`
  }

  get port(): number {
    return uws.us_socket_local_port(this.#listening as unknown as uws.us_socket)
  }

  /** Where the internal RPC listens, if it does: with the port that was taken. */
  get rpc(): string | undefined {
    return this.#rpc?.address
  }

  async #startPushes({ push, state, log }: ServeOptions, metrics: Metrics): Promise<void> {
    if (!push) return
    this.service.push = await PushEngine.start({ ...push, state, log })
    metrics.watchPushes(this.service.push)
  }

  async #openMusic({ music: directory, audio, log }: ServeOptions, faults: FaultLog): Promise<void> {
    if (directory === undefined) return
    const music = await ServedLibrary.open({
      directory,
      audio: audio !== undefined,
      onFault: error => faults.report(error),
      onChange: () => this.service.renewMixes(),
    })
    this.service.music = music
    const onFailure = (error: unknown) => log.error(error, `the song space at ${directory} cannot be served`)
    this.#musicWatch = new ModelWatch({ directory, onChange: () => music.reload(), onFailure })
  }

  /** Serves the models that are trained from now on, here or by another process. */
  #followModels({ retrain, watch, state, since, log }: ServeOptions): void {
    if (retrain) this.#retraining = new Retraining(this.#recommender, { state, since }, retrain, log)
    this.service.retraining = this.#retraining
    if (watch === undefined) return
    const onChange = async () => {
      if (inspectArtifact(watch).checksum !== this.#recommender.generation.name) await this.#recommender.swap(watch)
    }
    const onFailure = (error: unknown) => log.error(error, `the model at ${watch} cannot be served`)
    this.#watch = new ModelWatch({ directory: watch, onChange, onFailure })
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
    this.#watch?.close()
    this.#musicWatch?.close()
    const ended = this.#retraining?.close()
    const stopEnding = this.#http.endStalledSounds()
    const drained = Promise.all([this.service.drain(), this.#http.answered()])
    const late = wait(drainTimeout, 'late', { ref: false })
    if ((await Promise.race([drained, late])) === 'late') this.#log.warn('some work did not end in time')
    await this.#rpc?.close()
    this.#sockets.end()
    await wait(closingTimeout)
    await ended
    // What came meanwhile on a connection that was kept alive.
    await Promise.race([this.#http.answered(), late])
    stopEnding()
    this.#app.close()
    await this.service.push?.stop()
    await this.service.music?.close()
    await this.#recommender.close()
    this.#access.close()
  }
}

/** The sound files below `root` of songs that are served. */
function audioOf(service: Service, root: string | undefined): AudioOf | undefined {
  if (root === undefined) return undefined
  return async (song, client, signal) => openAudio(root, await service.audioFile(song, { client, signal }))
}

/** By which name clicks on pushes come. */
function linkHosts(push: ServeOptions['push']): string[] {
  const base = push?.config.sending.links?.base
  return base === undefined ? [] : [new URL(base).hostname]
}

/** @throws Error when the keys cannot be read, or other machines would be let in without any. */
function openAccess(options: ServeOptions, refusals: Refusals, faults: FaultLog): Access {
  const { state, host = defaultHost, rpc, open = false, log } = options
  const exposure = { state, host, rpc: rpc === undefined ? undefined : parseRpcAddress(rpc), open }
  const access = new Access({ state, open, refusals, onFault: (error, message) => faults.report(error, message) })
  try {
    const exposed = exposedAddress(access, exposure)
    if (exposed !== undefined)
      log.warn({ exposed }, 'the server has no keys: whoever reaches it may act for every user')
  } catch (error) {
    access.close()
    throw error
  }
  return access
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
  const fraction = left / all
  const limits = {
    http: Math.floor((maxConnections + 1000) * fraction),
    webSockets: Math.floor(maxConnections * fraction),
    rpc: Math.floor(wanted.rpc * fraction),
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
