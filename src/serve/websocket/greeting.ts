import { ServiceError } from '../../protocol/errors.ts'
import { protocolVersions } from '../../protocol/versions.ts'
import { type Authenticator, callerOf } from '../access/authenticator.ts'
import type { Caller } from '../access/caller.ts'
import type { MessageOf } from './client-message.ts'

/** In ms: until a socket must have sent `hello`. */
const helloTimeout = 10_000

export interface GreetingHandler {
  /**
   * Answers a `hello` in the version `protocol`.
   *
   * @throws {ServiceError} `unauthorized`
   */
  welcome(caller: Caller, protocol: number, request: number | undefined): void
  /** The caller is welcome: from now on its messages are read. */
  onCaller(caller: Caller): void
  /** The caller must go: its key was revoked, or its time has passed. */
  onCallerEnd(error: ServiceError): void
  /** The key or token of a `hello` is refused. */
  onRefused(error: unknown, request: number | undefined): void
  /** No `hello` came in time. */
  onLate(): void
}

/** Who the caller of a socket is: found by its first `hello`, and the same for as long as the socket lives. */
export class Greeting {
  readonly #authenticator: Authenticator
  /** What the upgrade bore. */
  readonly #credential: string | undefined
  readonly #handler: GreetingHandler
  #caller: Caller | undefined
  #forgetCaller = () => {}
  #isAuthenticating = false
  #isClosed = false
  #deadline: NodeJS.Timeout | undefined

  constructor(authenticator: Authenticator, credential: string | undefined, handler: GreetingHandler) {
    this.#authenticator = authenticator
    this.#credential = credential
    this.#handler = handler
  }

  /** Whether it is being found out who the caller is: meanwhile no further frames are read. */
  get isAuthenticating(): boolean {
    return this.#isAuthenticating
  }

  /** The socket is open: a `hello` must come soon. */
  open(): void {
    this.#deadline = setTimeout(() => this.#handler.onLate(), helloTimeout)
  }

  /** The socket is gone. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#deadline)
    this.#forgetCaller()
  }

  /** @throws {ServiceError} `unsupported_protocol`, `bad_message` */
  greet({ protocols, key, request }: MessageOf<'hello'>): void {
    const protocol = protocolVersions.find(version => protocols.includes(version))
    if (protocol === undefined) {
      throw new ServiceError(
        'unsupported_protocol',
        `expected one of the versions ${protocolVersions.join(', ')}, got ${protocols.join(', ')}`,
      )
    }
    if (!this.#caller) {
      this.#authenticate(key ?? this.#credential, protocol, request)
      return
    }
    if (key !== undefined) {
      throw new ServiceError('bad_message', 'key: the socket has its caller already: connect again for another')
    }
    this.#handler.welcome(this.#caller, protocol, request)
  }

  #authenticate(credential: string | undefined, protocol: number, request: number | undefined): void {
    const refuse = (error: unknown) => this.#handler.onRefused(error, request)
    try {
      const caller = callerOf(this.#authenticator, credential)
      if (caller instanceof Promise) {
        this.#isAuthenticating = true
        caller.then(caller => this.#admit(caller, protocol, request)).catch(refuse)
      } else this.#admit(caller, protocol, request)
    } catch (error) {
      refuse(error)
    }
  }

  /** @throws {ServiceError} `unauthorized` */
  #admit(caller: Caller, protocol: number, request: number | undefined): void {
    if (this.#isClosed) return
    this.#handler.welcome(caller, protocol, request)
    clearTimeout(this.#deadline)
    this.#caller = caller
    this.#forgetCaller = caller.onEnd(error => this.#handler.onCallerEnd(error))
    this.#isAuthenticating = false
    this.#handler.onCaller(caller)
  }
}
