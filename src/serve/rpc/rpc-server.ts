import { createServer, type Server } from 'node:net'
import { formatRpcAddress, parseRpcAddress, type RpcAddress } from '../../protocol/rpc-address.ts'
import type { Authenticator } from '../access/authenticator.ts'
import type { Service } from '../service.ts'
import { RpcConnection, type RpcConnectionOptions } from './rpc-connection.ts'
import { listenAtPath } from './unix-socket.ts'

export interface RpcServerOptions extends Omit<RpcConnectionOptions, 'authenticator'> {
  /** How the callers of the address that is listened at are let in. */
  readonly authenticatorOf: (address: RpcAddress) => Authenticator
  /** Clients at once; further ones are turned away. Default: 1024. */
  readonly maxConnections?: number | undefined
}

/**
 * The internal RPC: every method of `service`, over TCP or a Unix socket. The protocol is described in protocol/rpc.ts.
 */
export class RpcServer {
  readonly #server: Server
  readonly #connections: ReadonlySet<RpcConnection>
  readonly #address: RpcAddress

  /**
   * Listens at `address`, as {@link parseRpcAddress} reads it.
   *
   * @throws {TypeError} where it is no address; Error where it is taken.
   */
  static async open(service: Pick<Service, 'call'>, address: string, options: RpcServerOptions): Promise<RpcServer> {
    const { log, maxConnections = 1024 } = options
    const parsed = parseRpcAddress(address)
    const authenticator = options.authenticatorOf(parsed)
    const connections = new Set<RpcConnection>()
    const server = createServer(socket => {
      const connection = new RpcConnection(socket, service, { ...options, authenticator })
      connections.add(connection)
      void connection.closed.then(() => connections.delete(connection))
    })
    server.maxConnections = maxConnections
    server.on('drop', () => log.warn({ maxConnections }, 'an RPC client was turned away: there are too many'))
    if ('path' in parsed) await listenAtPath(server, parsed.path)
    else await listenAtPort(server, parsed.host, parsed.port)
    server.removeAllListeners('error')
    server.on('error', error => log.error(error, 'the RPC server could not accept a connection'))
    return new RpcServer(server, connections, parsed)
  }

  private constructor(server: Server, connections: ReadonlySet<RpcConnection>, address: RpcAddress) {
    this.#server = server
    this.#connections = connections
    this.#address = address
  }

  /** Where it listens, as clients may give it: `unix:/path` or `tcp:host:port`. */
  get address(): string {
    const listening = this.#server.address()
    if ('path' in this.#address || listening === null || typeof listening === 'string') {
      return formatRpcAddress(this.#address)
    }
    return formatRpcAddress({ host: this.#address.host, port: listening.port })
  }

  /** Number of clients. */
  get connections(): number {
    return this.#connections.size
  }

  /**
   * Takes no more clients and refuses further calls, answers those that have begun, and ends the connections; those that
   * are not done `within` ms are torn down. Fulfilled when all have ended.
   */
  async close(within = 10_000): Promise<void> {
    const closed = new Promise<void>(resolve => {
      this.#server.close(() => resolve())
    })
    const connections = [...this.#connections]
    for (const connection of connections) connection.close()
    const timer = setTimeout(() => {
      for (const connection of connections) connection.destroy()
    }, within)
    await Promise.all([closed, ...connections.map(connection => connection.closed)])
    clearTimeout(timer)
  }
}

function listenAtPort(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'the port is taken' : error.message
      reject(new Error(`cannot listen at ${formatRpcAddress({ host, port })}: ${reason}`))
    })
    server.listen({ host, port, exclusive: true }, resolve)
  })
}
