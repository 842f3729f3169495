import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js'
import { type ErrorCode, ServiceError, wireError } from '../../protocol/errors.ts'
import { decodeJson } from '../../protocol/json.ts'
import { type MethodName, methods } from '../../protocol/methods.ts'
import type { Service } from '../service.ts'
import type { Origins } from './origins.ts'
import { queryReader } from './query.ts'
import { Reply } from './reply.ts'

export interface HttpContext {
  readonly service: Service
  readonly origins: Origins
  readonly onError: (code: ErrorCode) => void
  /** Called with errors that are not a client's. */
  readonly onFault: (error: unknown) => void
}

/** Gives the parameters of a call. What it needs of `request` it reads at once: it is gone when the handler first waits. */
type ReadParams = (request: HttpRequest, reply: Reply) => unknown

interface Route {
  readonly path: string
  readonly name: MethodName
  /** By HTTP method. */
  readonly read: { readonly get?: ReadParams; readonly post?: ReadParams }
  /** Writes the result; as JSON if absent. */
  readonly write?: (reply: Reply, result: unknown) => void
}

/**
 * Every method of the service at `/v1/METHOD`: by POST with its parameters as a JSON object; those that only read also by
 * GET with a query string, and with their subject in the path, as in `/v1/recommend/ann?limit=5`. Errors have the status
 * of their code and the body `{"error": {code, message, retryAfter?}}`.
 */
export function serveHttp(app: TemplatedApp, context: HttpContext): void {
  for (const route of routes()) {
    const offered = Object.keys(route.read).map(method => method.toUpperCase())
    for (const method of ['get', 'post'] as const) {
      const read = route.read[method]
      if (read) app[method](route.path, (response, request) => answer(context, route, read, response, request))
    }
    app.options(route.path, (response, request) => {
      new Reply(response, context.origins.preflight(request.getHeader('origin'))).send(204, 'text/plain', '')
    })
    app.any(route.path, (response, request) => {
      const message = `${request.getUrl().slice(0, 200)} expects ${offered.join(' or ')}`
      refuse(context, response, request, new ServiceError('method_not_allowed', message))
    })
  }
  app.any('/*', (response, request) => {
    const message = `there is no ${request.getUrl().slice(0, 200)}`
    refuse(context, response, request, new ServiceError('not_found', message))
  })
}

function routes(): Route[] {
  const list: Route[] = []
  for (const name of Object.keys(methods) as MethodName[]) {
    const {
      reads,
      params,
      subject,
    }: { reads: boolean; params: (typeof methods)[MethodName]['params']; subject?: string } = methods[name]
    const fromQuery = queryReader(params)
    const get: ReadParams = request => fromQuery(request.getQuery())
    const post: ReadParams = (_, reply) => reply.body().then(decodeJson)
    list.push({ path: `/v1/${name}`, name, read: reads ? { get, post } : { post } })
    if (subject === undefined) continue
    const fromPath: ReadParams = request => ({
      ...fromQuery(request.getQuery()),
      [subject]: decodePath(request.getParameter(0) ?? ''),
    })
    list.push({ path: `/v1/${name}/:subject`, name, read: { get: fromPath } })
  }
  const bare: ReadParams = () => ({})
  list.push({ path: '/healthz', name: 'health', read: { get: bare } })
  list.push({ path: '/readyz', name: 'ready', read: { get: bare } })
  const write = (reply: Reply, result: unknown) => reply.send(200, prometheusText, (result as { text: string }).text)
  list.push({ path: '/metrics', name: 'metrics', read: { get: bare }, write })
  return list
}

const prometheusText = 'text/plain; version=0.0.4; charset=utf-8'

function answer(
  context: HttpContext,
  { name, write = (reply, result) => reply.json(200, result) }: Route,
  read: ReadParams,
  response: HttpResponse,
  request: HttpRequest,
): void {
  const reply = admitted(context, response, request)
  if (!reply) return
  const call = async () => {
    const params = await read(request, reply)
    write(reply, await context.service.call(name, params, { trusted: false, signal: reply.signal }))
  }
  call().catch(error => fail(context, reply, error))
}

function refuse(context: HttpContext, response: HttpResponse, request: HttpRequest, error: ServiceError): void {
  const reply = admitted(context, response, request)
  if (reply) fail(context, reply, error)
}

/** The reply to a client that may use the server; one that may not has been refused. */
function admitted(context: HttpContext, response: HttpResponse, request: HttpRequest): Reply | undefined {
  const origin = request.getHeader('origin')
  const reply = new Reply(response, context.origins.headers(origin))
  if (context.origins.allows(origin, request.getHeader('host'))) return reply
  fail(context, reply, new ServiceError('forbidden_origin', `pages of ${origin} may not use the server`))
  return undefined
}

function fail({ onError, onFault }: HttpContext, reply: Reply, error: unknown): void {
  if (reply.isOver) return
  if (!(error instanceof ServiceError)) onFault(error)
  onError(wireError(error).code)
  reply.refuse(error)
}

/** A part of a path as it was before it was put into a URL. */
function decodePath(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new ServiceError('bad_message', 'the path holds a % that is no escape')
  }
}
