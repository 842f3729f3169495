import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js'
import type { Outcome } from '../../events/journal.ts'
import { check } from '../../protocol/codec.ts'
import { type ErrorCode, errorCodes, WireError } from '../../protocol/errors.ts'
import { decodeJson } from '../../protocol/json.ts'
import { limits } from '../../protocol/limits.ts'
import type { Event, Recommendation } from '../../protocol/messages.ts'
import type { Feed } from '../../recommend/recommender.ts'
import type { Origins } from './origins.ts'
import { Reply } from './reply.ts'
import { EventsBody, parseQuery, RecommendQuery, SimilarQuery } from './requests.ts'

/** What the routes answer from. */
export interface Desk {
  readonly generation: string
  readonly feed: Feed
  readonly similar: (item: string, limit: number) => Promise<readonly Recommendation[]>
  readonly origins: Origins
  /** Why the server cannot do its work now, if so. */
  readonly unready: () => string | undefined
  readonly closing: () => boolean
  /** In Prometheus' text format. */
  readonly metrics: () => Promise<string>
  readonly onEvent: (outcome: Outcome) => void
  readonly onError: (code: ErrorCode) => void
  readonly onFault: (error: unknown) => void
}

/** What a handler needs of a request, which is gone when the handler first waits. */
interface Asked {
  readonly id: string
  readonly query: Record<string, string | string[]>
}

type Handler = (reply: Reply, asked: Asked) => Promise<void> | void

/** Lets `app` answer HTTP: every path, and only there, is listed here. */
export function route(app: TemplatedApp, desk: Desk): void {
  const routes: Record<string, { method: 'get' | 'post'; handler: Handler }> = {
    '/v1/recommend/:id': { method: 'get', handler: (reply, asked) => recommend(desk, reply, asked) },
    '/v1/similar/:id': { method: 'get', handler: (reply, asked) => similar(desk, reply, asked) },
    '/v1/events': { method: 'post', handler: reply => record(desk, reply) },
    '/healthz': { method: 'get', handler: reply => reply.json(200, { status: 'alive' }) },
    '/readyz': { method: 'get', handler: reply => ready(desk, reply) },
    '/metrics': { method: 'get', handler: async reply => reply.send(200, prometheusText, await desk.metrics()) },
  }
  for (const [path, { method, handler }] of Object.entries(routes)) {
    app[method](path, (response, request) => serve(desk, handler, response, request))
    app.options(path, (response, request) => preflight(desk, response, request))
    app.any(path, (response, request) => {
      const refuse: Handler = () => {
        throw new WireError('method_not_allowed', `${path} expects ${method.toUpperCase()}`)
      }
      serve(desk, refuse, response, request)
    })
  }
  app.any('/*', (response, request) => {
    const url = request.getUrl()
    const refuse: Handler = () => {
      throw new WireError('not_found', `there is no ${url.slice(0, 200)}`)
    }
    serve(desk, refuse, response, request)
  })
}

const prometheusText = 'text/plain; version=0.0.4; charset=utf-8'

/** Reads what is needed of the request while it lives, then lets `handler` answer. */
function serve(desk: Desk, handler: Handler, response: HttpResponse, request: HttpRequest): void {
  const origin = request.getHeader('origin')
  const host = request.getHeader('host')
  const reply = new Reply(response, desk.origins.headers(origin))
  const [id, query] = [request.getParameter(0), request.getQuery()]
  void (async () => {
    if (!desk.origins.allows(origin, host)) throw new WireError('forbidden_origin', `pages of ${origin} may not ask`)
    await handler(reply, { id: decode(id ?? ''), query: parseQuery(query) })
  })().catch(error => {
    if (!(error instanceof WireError)) desk.onFault(error)
    desk.onError(error instanceof WireError ? error.code : 'internal')
    reply.refuse(error)
  })
}

function preflight(desk: Desk, response: HttpResponse, request: HttpRequest): void {
  new Reply(response, desk.origins.preflight(request.getHeader('origin'))).send(204, 'text/plain', '')
}

async function recommend({ feed }: Desk, reply: Reply, { id: user, query }: Asked): Promise<void> {
  const { unknown, limit, ...filters } = check(RecommendQuery, query)
  if (unknown === 'error' && !(await feed.knows(user))) {
    throw new WireError('unknown_user', `nobody knows the user ${JSON.stringify(user)}; try ?unknown=popular`)
  }
  reply.json(200, { user, ...(await feed.once({ user, limit, filters })) })
}

async function similar(desk: Desk, reply: Reply, { id: item, query }: Asked): Promise<void> {
  const { limit } = check(SimilarQuery, query)
  reply.json(200, { item, generation: desk.generation, items: await desk.similar(item, limit) })
}

/** What became of one event of a batch. */
type Result =
  | { readonly id: string; readonly status: 'stored' | 'duplicate' }
  | { readonly id: string; readonly error: { readonly code: ErrorCode; readonly message: string } }

async function record(desk: Desk, reply: Reply): Promise<void> {
  if (desk.closing()) throw new WireError('shutting_down', 'the server is about to end')
  const bytes = await reply.body(limits.frameBytes)
  const events = check(EventsBody, decodeJson(bytes))
  const results = await Promise.all(events.map(event => recordOne(desk, event)))
  const failed = results.find(result => 'error' in result)
  reply.json(failed ? errorCodes[failed.error.code].status : 200, { results })
}

function recordOne(desk: Desk, event: Event): Promise<Result> {
  const { id } = event
  const refused = ({ code, message }: WireError): Result => {
    desk.onError(code)
    return { id, error: { code, message } }
  }
  return new Promise((resolve, reject) => {
    try {
      desk.feed.record(event, status => {
        desk.onEvent(status)
        if (status !== 'failed') resolve({ id, status })
        else resolve(refused(new WireError('storage_failed', `the event is not recorded: ${desk.unready()}`)))
      })
    } catch (error) {
      if (error instanceof WireError) resolve(refused(error))
      else reject(error)
    }
  })
}

function ready(desk: Desk, reply: Reply): void {
  const reason = desk.unready()
  if (reason === undefined) reply.json(200, { status: 'ready', generation: desk.generation })
  else reply.json(503, { status: 'not ready', reason })
}

/** A path's part as it was before it was put into a URL. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new WireError('bad_message', 'the path holds a % that is no escape')
  }
}
