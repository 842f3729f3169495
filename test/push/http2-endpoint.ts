import { once } from 'node:events'
import { createSecureServer, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Endpoint, Received, Reply } from './push-endpoint.ts'

export interface Http2Endpoint extends Endpoint {
  /** How many connections were made. */
  readonly connections: number
  /** How many of them have not ended. */
  readonly open: number
  /** Has clients make new connections for what comes next. */
  goAway(): void
}

/** As `startEndpoint`, by HTTP/2. */
export async function startHttp2Endpoint(
  reply: (request: Received) => Reply,
  { tls, delay = 0 }: { readonly tls: { readonly cert: string; readonly key: string }; readonly delay?: number },
): Promise<Http2Endpoint> {
  const received: Received[] = []
  const sessions = new Set<ServerHttp2Session>()
  let [open, mostOpen, connections] = [0, 0, 0]
  const server = createSecureServer(tls)
  server.on('session', session => {
    connections++
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('error', () => {})
  })
  server.on('stream', async (stream, headers) => {
    mostOpen = Math.max(mostOpen, ++open)
    stream.on('close', () => open--)
    stream.on('error', () => {})
    const parts: Buffer[] = []
    for await (const part of stream) parts.push(part as Buffer)
    const { ':method': method = '', ':path': path = '', ...rest } = headers
    const one = { method, path, headers: rest, body: Buffer.concat(parts) }
    received.push(one)
    if (delay > 0) await new Promise(resolve => setTimeout(resolve, delay))
    const answer = reply(one)
    if (answer === 'drop') stream.session?.destroy()
    else if (answer !== 'hang' && !stream.destroyed) {
      stream.respond({ ':status': answer.status, ...answer.headers })
      stream.end(answer.body)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    if (!server.listening) return
    server.close()
    for (const session of sessions) session.destroy()
    await once(server, 'close')
  }
  onTestFinished(close)
  return {
    url: `https://127.0.0.1:${port}`,
    received,
    get mostOpen() {
      return mostOpen
    },
    get connections() {
      return connections
    },
    get open() {
      return sessions.size
    },
    goAway() {
      for (const session of sessions) session.close()
    },
    close,
  }
}
