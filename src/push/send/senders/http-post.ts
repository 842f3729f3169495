import { type Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Up to 64 KiB. */
  readonly body: string
}

/** No answer came. */
export class NoAnswer extends Error {
  /** Whether the request may have arrived. */
  readonly mayHaveArrived: boolean

  constructor(reason: string, mayHaveArrived: boolean) {
    super(reason)
    this.mayHaveArrived = mayHaveArrived
  }
}

export interface PostOptions {
  readonly headers: OutgoingHttpHeaders
  readonly body: string | Uint8Array
  readonly signal: AbortSignal
  /** Keeps connections, and knows which certificates are trusted. */
  readonly agent: Agent
}

const mostRead = 65_536

/** One POST to an http or https address; redirects are answers like others. @throws {NoAnswer} */
export function post(url: string | URL, { headers, body, signal, agent }: PostOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let mayHaveArrived = false
    const fail = (error: Error) => reject(new NoAnswer(reasonOf(error, signal), mayHaveArrived))
    const { protocol } = new URL(url)
    const request = (protocol === 'https:' ? requestHttps : requestHttp)(url, {
      method: 'POST',
      agent,
      signal,
      headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    })
    request.on('socket', socket => {
      const arrive = () => {
        mayHaveArrived = true
      }
      if (socket.connecting) socket.once(protocol === 'https:' ? 'secureConnect' : 'connect', arrive)
      else arrive()
    })
    request.on('error', fail)
    request.on('response', response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        if (text.length < mostRead) text += part
      })
      response.on('error', fail)
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: text.slice(0, mostRead) }),
      )
    })
    request.end(body)
  })
}

function reasonOf(error: Error, signal: AbortSignal): string {
  if (signal.aborted) return signal.reason?.name === 'TimeoutError' ? 'timeout' : 'interrupted'
  return (error as NodeJS.ErrnoException).code ?? error.message
}
