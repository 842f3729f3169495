/** A local server that takes pushes and answers as a test says, and what it was sent. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** `drop`: the connection ends without an answer. `hang`: none comes. */
export type Reply =
  | 'drop'
  | 'hang'
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }

export interface Endpoint {
  readonly url: string
  readonly received: Received[]
  /** The most requests that were open at the same time. */
  readonly mostOpen: number
  close(): Promise<void>
}

export interface EndpointOptions {
  readonly tls?: { readonly cert: string; readonly key: string }
  /** In ms. */
  readonly delay?: number
  readonly port?: number
}

export async function startEndpoint(
  reply: (request: Received) => Reply,
  options: EndpointOptions = {},
): Promise<Endpoint> {
  const { tls, delay = 0, port = 0 } = options
  const received: Received[] = []
  let [open, mostOpen] = [0, 0]
  const server: Server = tls ? createTlsServer({ ...tls }) : createServer()
  server.on('request', async (request, response) => {
    mostOpen = Math.max(mostOpen, ++open)
    response.on('close', () => open--)
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const { method = '', url = '', headers } = request
    const one = { method, path: url, headers, body: Buffer.concat(parts) }
    received.push(one)
    if (delay > 0) await new Promise(resolve => setTimeout(resolve, delay))
    const answer = reply(one)
    if (answer === 'drop') request.socket.destroy()
    else if (answer !== 'hang') response.writeHead(answer.status, answer.headers).end(answer.body)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    if (!server.listening) return
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
  onTestFinished(close)
  const address = server.address() as AddressInfo
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${address.port}`,
    received,
    get mostOpen() {
      return mostOpen
    },
    close,
  }
}
