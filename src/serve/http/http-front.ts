import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js'
import { type ErrorCode, ServiceError, wireError } from '../../protocol/errors.ts'
import { type MethodName, methods } from '../../protocol/methods.ts'
import { type Authenticator, callerOf, credentialOf } from '../access/authenticator.ts'
import type { LoadAccount } from '../load/account.ts'
import { probes } from '../load/cost.ts'
import type { SendMemory } from '../load/send-memory.ts'
import type { Turns } from '../load/turns.ts'
import { type AudioOf, sendAudio, wantedPart } from '../music/audio-front.ts'
import { type PageFront, pagePath } from '../page/page-front.ts'
import type { Sender, Service } from '../service.ts'
import { type Admission, admissionError } from './admission.ts'
import { CallTurns } from './call-turns.ts'
import { Reply } from './reply.ts'
import { declaredLength, decodePath, plainText, type ReadParams, type Route, routes } from './routes.ts'

export interface HttpContext {
  readonly service: Service
  readonly admission: Admission
  readonly authenticator: Authenticator
  readonly memory: SendMemory
  readonly answerTurns: Turns
  readonly readTurns: Turns
  /** Whether the rate of the server is a limit to clients. */
  readonly isLimited: boolean
  readonly onError: (code: ErrorCode) => void
  /** Called with errors that are not a client's. */
  readonly onFault: (error: unknown) => void
  /** What a browser gets at `/`. Default: the text that everyone gets. */
  readonly page?: PageFront | undefined
  /** Counts a click on a signed link at `/c`, and gives where it leads; undefined: nobody signed it. Default: there are none. */
  readonly follow?: ((address: string, isClick: boolean) => Promise<string | undefined> | undefined) | undefined
  /** Gives the sound files of songs, at `/music/audio/SONG`. Default: there are none. */
  readonly audioOf?: AudioOf | undefined
  /** Whether the server is about to end: then each answer is the last of its connection. */
  readonly isClosing: () => boolean
}

/**
 * Every method of the service at `/v1/METHOD`: by POST with its parameters as a JSON object; those that only read also by
 * GET (or HEAD) with a query string, and with their subject in the path, as in `/v1/recommend/ann?limit=5`. Errors have the status
 * of their code and the body `{"error": {code, message, retryAfter?}}`.
 */
export class HttpFront {
  readonly #context: HttpContext
  readonly #turns: CallTurns
  #unanswered = 0
  #whenAnswered: (() => void)[] = []
  /** Replies that send a sound. */
  readonly #playing = new Set<Reply>()

  constructor(app: TemplatedApp, context: HttpContext) {
    this.#context = context
    this.#turns = new CallTurns(context.readTurns)
    for (const route of routes()) {
      const offered = route.read.get ? ['GET', 'HEAD'] : []
      if (route.read.post) offered.push('POST')
      for (const method of ['get', 'head', 'post'] as const) {
        const read = route.read[method === 'head' ? 'get' : method]
        if (read) app[method](route.path, (response, request) => this.#answer(route, read, response, request))
      }
      app.options(route.path, (response, request) => {
        const headers = context.admission.origins.preflight(request.getHeader('origin'))
        new Reply(response, { headers }).send(204, 'text/plain', '')
      })
      app.any(route.path, (response, request) => this.#refuseMethod(offered, response, request))
    }
    if (context.page) this.#offer(app, context.page)
    const { follow, audioOf } = context
    if (audioOf) {
      for (const method of ['get', 'head'] as const) {
        app[method](soundPath, (response, request) => this.#play(audioOf, response, request))
      }
      app.any(soundPath, (response, request) => this.#refuseMethod(['GET', 'HEAD'], response, request))
    }
    if (follow) {
      for (const method of ['get', 'head'] as const) {
        app[method]('/c', (response, request) => this.#follow(follow, response, request))
      }
    }
    app.any('/v1/stream', (response, request) => {
      const message = '/v1/stream expects a WebSocket: connect to it by ws://, as described in protocol/messages.ts'
      this.#refuse(response, request, new ServiceError('method_not_allowed', message))
    })
    app.any('/*', (response, request) => {
      const message = `there is no ${pathOf(request)}: the methods are at /v1/METHOD, with ${Object.keys(methods).join(', ')}`
      this.#refuse(response, request, new ServiceError('not_found', message))
    })
  }

  #offer(app: TemplatedApp, page: PageFront): void {
    for (const method of ['get', 'head'] as const) {
      app[method](`${pagePath}*`, (response, request) => {
        this.#show(response, request, reply => {
          if (page.sendFile(reply, request)) return
          const message = `there is no ${pathOf(request)}: where it is of another version of the page, load / again`
          throw new ServiceError('not_found', message)
        })
      })
    }
  }

  /** Answers by `send` at once, also callers without a credential. */
  #show(response: HttpResponse, request: HttpRequest, send: (reply: Reply) => void): void {
    const account = this.#accountOf(response)
    const reply = this.#admit(response, request, account)
    if (!reply) return
    try {
      send(reply)
    } catch (error) {
      this.#fail(reply, error, { account })
    }
  }

  /** What looks at links beforehand asks by HEAD: it is answered the same, and is no click. */
  #follow(follow: NonNullable<HttpContext['follow']>, response: HttpResponse, request: HttpRequest): void {
    const address = `${request.getUrl()}?${request.getQuery()}`
    const isClick = request.getMethod() !== 'head'
    const account = this.#accountOf(response)
    const reply = this.#admit(response, request, account)
    if (!reply) return
    const redirect = async () => {
      const target = await follow(address, isClick)
      if (target === undefined) throw new ServiceError('not_found', 'this server has signed no such link')
      reply.send(302, plainText, '', [
        ['location', target],
        ['cache-control', 'no-store'],
        ['referrer-policy', 'no-referrer'],
      ])
    }
    redirect().catch(error => this.#fail(reply, error, { account }))
  }

  /** Sends the sound file of a song to who may ask what is known of the song. */
  #play(audioOf: AudioOf, response: HttpResponse, request: HttpRequest): void {
    const account = this.#accountOf(response)
    const reply = this.#admit(response, request, account)
    if (!reply) return
    const credential = credentialOf(request.getHeader('authorization'))
    const wanted = wantedPart(request)
    const parameter = request.getParameter(0) ?? ''
    let sender: Sender = { account }
    const play = async () => {
      const caller = await callerOf(this.#context.authenticator, credential)
      sender = { account, caller }
      caller.assertMayCall('music_song')
      const forget = caller.onEnd(error => {
        this.#fail(reply, error, sender)
        reply.abandon(error)
      })
      this.#playing.add(reply)
      try {
        const file = await audioOf(decodePath(parameter), account.name, reply.signal)
        await sendAudio(reply, file, wanted)
      } finally {
        this.#playing.delete(reply)
        forget()
      }
    }
    play().catch(error => this.#fail(reply, error, sender))
  }

  /** From now on, no sound is sent to a client that takes nothing of it, as one that is paused: it can ask for the rest. Gives what ends that. */
  endStalledSounds(): () => void {
    const taken = new WeakMap<Reply, number>()
    const timer = setInterval(() => {
      for (const reply of this.#playing) {
        if (taken.get(reply) === reply.taken)
          reply.abandon(new ServiceError('shutting_down', 'the server is shutting down'))
        else taken.set(reply, reply.taken)
      }
    }, stallTime)
    timer.unref()
    return () => clearInterval(timer)
  }

  /** Waits until every request that has come is answered. */
  async answered(): Promise<void> {
    if (this.#unanswered > 0) await new Promise<void>(resolve => this.#whenAnswered.push(resolve))
  }

  #answer(route: Route, read: ReadParams, response: HttpResponse, request: HttpRequest): void {
    const { name, write = (reply, result) => reply.json(200, result) } = route
    const { service, authenticator, page } = this.#context
    if (route.path === '/' && page?.wantsDocument(request)) {
      this.#show(response, request, reply => page.sendDocument(reply, request))
      return
    }
    const account = this.#accountOf(response)
    const reply = this.#admit(response, request, account, name)
    if (!reply) return
    const credential = credentialOf(request.getHeader('authorization'))
    let sender: Sender = { account }
    const call = async () => {
      const authenticated = callerOf(authenticator, credential)
      // The body of one who may not call is not read.
      if (!(authenticated instanceof Promise)) authenticated.assertMayCall(name)
      const parameters = async () => read(request, reply)
      // Both go on at once; where both fail, it is the first that is told.
      const [caller, params] = await Promise.all([authenticated, parameters()])
      sender = { account, caller }
      const forget = caller.onEnd(error => {
        this.#fail(reply, error, sender)
        reply.abandon(error)
      })
      try {
        const context = { caller, account, signal: reply.signal }
        const begin = async () => service.call(name, params, context)
        write(reply, await (probes.has(name) ? begin() : this.#turns.run(account.name, begin)))
      } finally {
        forget()
      }
    }
    call().catch(error => this.#fail(reply, error, sender))
  }

  #refuse(
    response: HttpResponse,
    request: HttpRequest,
    error: ServiceError,
    headers?: readonly [string, string][],
  ): void {
    const account = this.#accountOf(response)
    const reply = this.#admit(response, request, account)
    if (reply) this.#fail(reply, error, { account }, headers)
  }

  /** Answers a request at a path that knows `offered` HTTP methods only. */
  #refuseMethod(offered: readonly string[], response: HttpResponse, request: HttpRequest): void {
    const expected = offered.filter(method => method !== 'HEAD').join(' or ')
    const error = new ServiceError('method_not_allowed', `${pathOf(request)} expects ${expected}`)
    this.#refuse(response, request, error, [['allow', offered.join(', ')]])
  }

  /** The reply to a client that may use the server; one that may not has been refused. `name`: the method. */
  #admit(response: HttpResponse, request: HttpRequest, account: LoadAccount, name?: MethodName): Reply | undefined {
    const { service, memory, answerTurns, admission, isClosing } = this.#context
    const decision = service.decide({ account }, declaredLength(request), name)
    if (decision === 'flood') {
      response.close()
      return undefined
    }
    this.#unanswered++
    const onOver = () => {
      if (--this.#unanswered === 0) for (const resolve of this.#whenAnswered.splice(0)) resolve()
    }
    const isHeadOnly = request.getMethod() === 'head'
    const headers = admission.origins.headers(request.getHeader('origin'))
    const reply = new Reply(response, { headers, isLast: isClosing, isHeadOnly, memory, answerTurns, onOver })
    const rateError = decision === 'silence' ? service.rateNotice({ account }) : decision
    const error = rateError === 'taken' ? admissionError(request, admission) : rateError
    if (error) this.#fail(reply, error)
    return error ? undefined : reply
  }

  /** `sender`: where what was wrong with the request counts. */
  #fail(reply: Reply, error: unknown, sender?: Sender, headers?: readonly [string, string][]): void {
    if (reply.isOver) return
    const { service, onError, onFault } = this.#context
    if (!(error instanceof ServiceError)) onFault(error)
    const failure = wireError(error)
    onError(failure.code)
    if (sender) service.noteError(sender, failure)
    reply.refuse(error, headers)
  }

  /** All connections of one address: the socket library does not tell them apart. */
  #accountOf(response: HttpResponse): LoadAccount {
    const name = `address ${Buffer.from(response.getRemoteAddress()).toString('hex')}`
    return { name, isLimited: this.#context.isLimited }
  }
}

const soundPath = '/music/audio/:song'
/** In ms: a sound of which nothing is taken for so long, and at most twice that, is not sent on. */
const stallTime = 500

function pathOf(request: HttpRequest): string {
  return request.getUrl().slice(0, 200)
}
