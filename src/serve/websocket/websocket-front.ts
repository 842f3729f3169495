import type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t } from 'uWebSockets.js'
import uws from 'uWebSockets.js'
import { type Codec, negotiate } from '../../protocol/codec.ts'
import { ServiceError, wireError } from '../../protocol/errors.ts'
import { limits } from '../../protocol/limits.ts'
import { subprotocols } from '../../protocol/versions.ts'
import { credentialOf } from '../access/authenticator.ts'
import { type Admission, admissionError } from '../http/admission.ts'
import { refuse } from '../http/reply.ts'
import type { SocketLimit } from '../socket-limit.ts'
import type { FragmentSender } from './outbox.ts'
import { Session, type SessionContext } from './session.ts'

export interface WebSocketOptions {
  /** Sockets open at once; one more is refused with 503. */
  readonly maxConnections: number
  /** Seconds after which a socket that answers no ping is closed; 8 to 960. */
  readonly idleTimeout: number
  readonly admission: Admission
  /** Whether the server is about to end. */
  readonly isClosing: () => boolean
  /** Told when a socket becomes a WebSocket, and when that has gone. */
  readonly sockets: Pick<SocketLimit, 'upgraded' | 'webSocketClosed'>
}

/** What a socket carries: uWebSockets.js copies its fields, so it cannot be the session itself. */
export interface SocketData {
  readonly session: Session
}

/** The sockets of `/v1/stream`, each the service for one client. */
export class WebSocketFront {
  readonly #sessions = new Set<Session>()

  constructor(app: TemplatedApp, context: SessionContext, options: WebSocketOptions) {
    const { maxConnections, idleTimeout, admission, isClosing, sockets } = options
    app.ws<SocketData>('/v1/stream', {
      maxPayloadLength: limits.frameBytes,
      // Without a bound: what is pushed must arrive. The memory that all share bounds how much is unread.
      maxBackpressure: 0,
      idleTimeout,
      sendPingsAutomatically: true,
      compression: uws.DISABLED,
      upgrade: (response, request, socketContext) => {
        let codec: Codec
        try {
          if (isClosing()) throw new ServiceError('shutting_down', 'the server is about to end: connect again later')
          if (this.#sessions.size >= maxConnections) {
            throw new ServiceError('too_many_connections', `expected at most ${maxConnections} connections`)
          }
          codec = admit(request, admission)
        } catch (error) {
          context.onError(wireError(error).code)
          refuse(response, error)
          return
        }
        const credential = credentialOf(request.getHeader('authorization'))
        upgrade(response, request, socketContext, codec, new Session(codec, context, credential))
      },
      open: socket => {
        const { session } = socket.getUserData()
        sockets.upgraded()
        this.#sessions.add(session)
        session.open(socket as typeof socket & FragmentSender)
      },
      message: (socket, message, isBinary) => socket.getUserData().session.receive(new Uint8Array(message), isBinary),
      drain: socket => socket.getUserData().session.drain(),
      close: socket => {
        const { session } = socket.getUserData()
        sockets.webSocketClosed()
        this.#sessions.delete(session)
        session.closed()
      },
    })
  }

  get connections(): number {
    return this.#sessions.size
  }

  get subscriptions(): number {
    let sum = 0
    for (const session of this.#sessions) sum += session.subscriptions
    return sum
  }

  /** Closes every socket, after all that was to be sent. */
  end(): void {
    for (const session of [...this.#sessions]) session.end(1001, 'the server is shutting down')
  }
}

/**
 * The encoding for a client that wants to connect.
 *
 * @throws {ServiceError} why it may not.
 */
function admit(request: HttpRequest, admission: Admission): Codec {
  const error = admissionError(request, admission)
  if (error) throw error
  const offered = request.getHeader('sec-websocket-protocol')
  const codec = negotiate(offered)
  if (!codec) {
    throw new ServiceError('unsupported_protocol', `expected one of ${subprotocols.join(', ')}, got ${offered}`)
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
  const data: SocketData = { session }
  response.upgrade(
    data,
    request.getHeader('sec-websocket-key'),
    // A client that named none must get none.
    request.getHeader('sec-websocket-protocol') === '' ? '' : subprotocol,
    request.getHeader('sec-websocket-extensions'),
    context,
  )
}
