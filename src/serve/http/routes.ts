import type { HttpRequest } from 'uWebSockets.js'
import { ServiceError } from '../../protocol/errors.ts'
import { decodeJson } from '../../protocol/json.ts'
import { type MethodName, methods, type ServiceInfo } from '../../protocol/methods.ts'
import { queryReader } from './query.ts'
import type { Reply } from './reply.ts'

/** Gives the parameters of a call. What it needs of `request` it reads at once: it is gone when the handler first waits. */
export type ReadParams = (request: HttpRequest, reply: Reply) => unknown

/** A path at which a method is called. */
export interface Route {
  readonly path: string
  readonly name: MethodName
  /** By HTTP method. */
  readonly read: { readonly get?: ReadParams; readonly post?: ReadParams }
  /** Writes the result; as JSON if absent. */
  readonly write?: (reply: Reply, result: unknown) => void
}

/** All of them: each method, and the paths that are known elsewhere for some. */
export function routes(): Route[] {
  const list: Route[] = []
  for (const name of Object.keys(methods) as MethodName[]) {
    const {
      reads,
      params,
      subject,
    }: { reads: boolean; params: (typeof methods)[MethodName]['params']; subject?: string } = methods[name]
    const fromQuery = queryReader(params)
    const get: ReadParams = request => fromQuery(request.getQuery())
    const post: ReadParams = (request, reply) => reply.body(declaredLength(request)).then(decodeJson)
    list.push({ path: `/v1/${name}`, name, read: reads ? { get, post } : { post } })
    if (subject === undefined) continue
    const fromPath: ReadParams = request => ({
      ...fromQuery(request.getQuery()),
      [subject]: decodePath(request.getParameter(0) ?? ''),
    })
    list.push({ path: `/v1/${name}/:subject`, name, read: { get: fromPath } })
  }
  const bare: ReadParams = () => ({})
  const show = (reply: Reply, result: unknown) =>
    reply.send(200, plainText, overview(result as ServiceInfo), [['vary', 'accept']])
  list.push({ path: '/', name: 'info', read: { get: bare }, write: show })
  list.push({ path: '/healthz', name: 'health', read: { get: bare } })
  list.push({ path: '/readyz', name: 'ready', read: { get: bare } })
  const write = (reply: Reply, result: unknown) => reply.send(200, prometheusText, (result as { text: string }).text)
  list.push({ path: '/metrics', name: 'metrics', read: { get: bare }, write })
  return list
}

export const plainText = 'text/plain; charset=utf-8'
const prometheusText = 'text/plain; version=0.0.4; charset=utf-8'

/** A part of a path as it was before it was put into a URL. */
export function decodePath(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new ServiceError('bad_message', 'the path holds a % that is no escape')
  }
}

/** What a person sees who opens the server's address. */
function overview({ version, generation, model }: ServiceInfo): string {
  const lines = (Object.keys(methods) as MethodName[]).map(name => {
    const { summary, reads, subject }: { summary: string; reads: boolean; subject?: string } = methods[name]
    const path = subject === undefined ? `/v1/${name}` : `/v1/${name}/${subject.toUpperCase()}`
    return `  ${reads ? 'GET ' : 'POST'} ${path.padEnd(22)} ${summary}`
  })
  return (
    `Aurochs ${version} serves the model ${generation}: ${model.algorithm}, ${model.users} users, ${model.items} items\n\n` +
    `  GET  /v1/stream             a WebSocket: lists that change with each event\n${lines.join('\n')}\n` +
    '  GET  /healthz, /readyz      whether it is alive, and can do its work\n' +
    "  GET  /metrics               figures in Prometheus' text format\n"
  )
}

/** Of the body, in bytes; 0 where the client did not say. */
export function declaredLength(request: HttpRequest): number {
  const text = request.getHeader('content-length')
  return /^\d+$/.test(text) ? Number(text) : 0
}
