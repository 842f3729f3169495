import type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t } from 'uWebSockets.js'
import uws from 'uWebSockets.js'
import { type Codec, negotiate } from '../../protocol/codec.ts'
import { WireError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { subprotocols } from '../../protocol/messages.ts'
import { refuse } from '../http/reply.ts'
import { type House, Session } from './session.ts'

export interface StreamOptions {
  /** Sockets open at once; one more is refused with 503. */
  readonly maxConnections: number
  /** Seconds after which a socket that answers no ping is closed; 8 to 960. */
  readonly idleTimeout: number
  /** Whether a page of this `Origin` (with this `Host` as the server's) may connect. */
  readonly allows: (origin: string, host: string) => boolean
}

/** What a socket carries: uWebSockets.js copies its fields, so it cannot be the session itself. */
export interface Guest {
  readonly session: Session
}

/** The sockets of `/v1/stream`. */
export class Stream {
  readonly sessions = new Set<Session>()

  constructor(app: TemplatedApp, house: House, { maxConnections, idleTimeout, allows }: StreamOptions) {
    app.ws<Guest>('/v1/stream', {
      maxPayloadLength: limits.frameBytes,
      // Without a bound: what is pushed must arrive. Sessions watch how much is unread and cut off who never reads.
      maxBackpressure: 0,
      idleTimeout,
      sendPingsAutomatically: true,
      compression: uws.DISABLED,
      upgrade: (response, request, context) => {
        let codec: Codec
        try {
          if (this.sessions.size >= maxConnections || house.closing()) {
            throw new WireError('too_many_connections', `expected at most ${maxConnections} connections`)
          }
          codec = admit(request, allows)
        } catch (error) {
          refuse(response, error)
          return
        }
        upgrade(response, request, context, codec, new Session(codec, house))
      },
      open: socket => {
        const { session } = socket.getUserData()
        this.sessions.add(session)
        session.open(socket)
      },
      message: (socket, message, isBinary) => socket.getUserData().session.receive(new Uint8Array(message), isBinary),
      drain: socket => socket.getUserData().session.drain(),
      close: socket => {
        const { session } = socket.getUserData()
        this.sessions.delete(session)
        session.closed()
      },
    })
  }

  get subscriptions(): number {
    let sum = 0
    for (const session of this.sessions) sum += session.subscriptions
    return sum
  }

  /** Says goodbye to everyone. */
  end(): void {
    for (const session of [...this.sessions]) session.end(1001, 'the server is shutting down')
  }
}

/**
 * The encoding for who asks to come in.
 *
 * @throws {WireError} why not.
 */
function admit(request: HttpRequest, allows: StreamOptions['allows']): Codec {
  const origin = request.getHeader('origin')
  if (!allows(origin, request.getHeader('host'))) {
    throw new WireError('forbidden_origin', `pages of ${origin} may not connect`)
  }
  const offered = request.getHeader('sec-websocket-protocol')
  const codec = negotiate(offered)
  if (!codec) {
    throw new WireError('unsupported_protocol', `expected one of ${subprotocols.join(', ')}, got ${offered}`)
  }
  return codec
}

function upgrade(
  response: HttpResponse,
  request: HttpRequest,
  context: us_socket_context_t,
  { subprotocol }: Codec,
  session: Session,
): void {
  const guest: Guest = { session }
  response.upgrade(
    guest,
    request.getHeader('sec-websocket-key'),
    // Who named none must get none.
    request.getHeader('sec-websocket-protocol') === '' ? '' : subprotocol,
    request.getHeader('sec-websocket-extensions'),
    context,
  )
}
